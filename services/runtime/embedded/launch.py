"""Becomes another program that ends with its parent, and that is not root where it must not be.

    python -I -S launch.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT...

Run as a script between fork and exec, so that no Python runs in a forked copy of a threaded process.
It imports nothing of ours: it starts in a few milliseconds and needs no installed package.

PostgreSQL refuses to run as root. With a UID other than -1 this process becomes that user and keeps
just CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: the folders above its data may be root's alone
(/root has mode 0700), and opening them to everybody instead would be worse.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CANNOT_RUN = 126
_NOT_CHANGED = -1


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]  # ctypes' own protocol


class _CapabilityData(ctypes.Structure):
    _fields_ = [  # ctypes' own protocol
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def command(death_signal: signal.Signals = signal.SIGKILL, user: tuple[int, int] | None = None) -> list[str]:
    """The arguments to put before a program's own; call it in the process that starts the program.

    ``user`` is (uid, gid) to become, when this process is root.
    """
    uid, gid = user or (_NOT_CHANGED, _NOT_CHANGED)
    options = [str(int(number)) for number in (os.getpid(), death_signal, uid, gid)]
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), *options]


def main() -> None:
    """Set what has to be set, then exec."""
    parent, death_signal, uid, gid = (int(text) for text in sys.argv[1:5])
    program = sys.argv[5:]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if uid >= 0:
            become(libc, uid, gid)
        if sys.platform == "linux":
            # After the change of user, which clears it.
            libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
        os.execv(program[0], program)
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be started: {error}\n")
    os._exit(_CANNOT_RUN)


def become(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Change from root to a user, with access to files as before where the kernel allows to keep it."""
    keep = sys.platform == "linux" and libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if not keep:
        return
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)()
    if libc.capget(ctypes.byref(header), data) != 0:
        return
    wanted = data[0].permitted & (1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    data[0].effective = data[0].permitted = data[0].inheritable = wanted
    data[1].effective = data[1].permitted = data[1].inheritable = 0
    if libc.capset(ctypes.byref(header), data) != 0:
        return
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if wanted & 1 << capability:
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


if __name__ == "__main__":
    main()
