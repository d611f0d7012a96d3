"""The corpus by hand.

    python -m tests.corpus update NAME... | --all --reason TEXT    record sessions anew
    python -m tests.corpus check [NAME...]                         play sessions and hold them to the recorded ones
    python -m tests.corpus show NAME [STEP]                        the events of a session, or of one step
    python -m tests.corpus diff NAME [--against FOLDER]            two players, or this checkout and another
    python -m tests.corpus dump NAME... | --seeds A:B [--events]   one line per session, or per event
    python -m tests.corpus fuzz --seeds A:B [--against FOLDER]     drawn sessions until two plays differ

NAME may be a group. ``fuzz`` and ``diff`` compare the players ``--first`` and ``--second`` (a name of adapter.py or
``module:function``); ``--against`` compares ``--first`` here with the same player of another checkout, run by that
checkout's own .venv. Seeds draw sessions ``fuzz-A`` to ``fuzz-B``, which no file holds.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus import adapter, check, difference, sessions, store
from corpus.adapter import Player
from corpus.chain import Output, chained

from live_runner.contracts.engine import ENGINE


def main() -> int:
    """Run one command; 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("update", "check", "show", "diff", "dump", "fuzz"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every session of the corpus")
    parser.add_argument("--reason", default="", help="why the sessions change; it is kept in renewals.txt")
    parser.add_argument("--seeds", default="", metavar="A:B", help="drawn sessions instead of named ones")
    parser.add_argument("--events", action="store_true", help="dump every event, not one line per session")
    parser.add_argument("--first", default="messages", metavar="PLAYER")
    parser.add_argument("--second", default="columns", metavar="PLAYER")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout of this repository")
    options = parser.parse_args()
    if options.command == "update":
        return _update(options, parser)
    if options.command == "check":
        return _check(options)
    if options.command == "show":
        step = options.names.pop() if len(options.names) == 2 else ""
        return _show(options.names[0], options.first, step)
    if options.command == "dump":
        return _dump(options)
    return _compare(options)


def _update(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    names = sessions.names() if options.all else _names(options)
    if not names or not options.reason:
        parser.error("update needs names (or --all) and --reason")
    before, renewed = store.read(), {}
    for name in names:
        try:
            renewed[name] = check.recorded(name)
        except check.DisagreementError as error:
            print(f"Nothing was written. {error}")
            return 1
    changed = [name for name, recorded in renewed.items() if before.get(name) != recorded]
    if not changed:
        print(f"None of {len(names)} sessions changed; nothing was written.")
        return 0
    store.write({name: renewed[name] for name in changed}, engine=ENGINE, reason=options.reason)
    print(f"{len(changed)} of {len(names)} sessions changed:")
    for group, (count, _) in sessions.GROUPS.items():
        if in_group := [name for name in changed if sessions.group_of(name) == group]:
            print("   ", *(in_group if len(in_group) < count else [f"all of {group}"]))
    return 0


def _check(options: argparse.Namespace) -> int:
    recorded, players = store.read(), adapter.available()
    faults = [
        fault
        for name in _names(options) or list(recorded)
        for player in recorded[name].players
        if player in players and (fault := check.fault(name, player, recorded[name]))
    ]
    print("\n\n".join(faults) or "Every session is what was recorded.")
    return 1 if faults else 0


def _show(name: str, first: str, step: str) -> int:
    outputs = _play(name, first)
    if outputs is None:
        print(f"{first} cannot play {name}")
        return 1
    if step:
        print(difference.place(outputs, int(step)), difference.step_text(outputs, int(step)), sep="\n")
    else:
        print("\n".join(f"{number:6d} {difference.shown(output)}" for number, output in enumerate(outputs)))
    return 0


def _dump(options: argparse.Namespace) -> int:
    for name in _names(options):
        outputs = _play(name, options.first)
        if outputs is None:
            print(name, "cannot", flush=True)
        elif options.events:
            print("\n".join(f"{name} {number} {difference.shown(output)}" for number, output in enumerate(outputs)))
        else:
            found = chained(outputs)
            print(name, found.events, found.digest, flush=True)
    return 0


def _compare(options: argparse.Namespace) -> int:
    names = _names(options)
    if options.against is not None:
        return _compare_checkouts(names, options.first, options.against)
    count = 0
    for name in names:
        ours, theirs = _play(name, options.first), _play(name, options.second)
        if ours is None or theirs is None:
            continue
        count += 1
        number = difference.between(ours, theirs)
        if number is not None:
            pair = (options.first, options.second)
            print(f"{name}: {pair[0]} and {pair[1]} differ at", difference.between_text(pair, ours, theirs, number))
            return 1
    print(f"{count} of {len(names)} sessions can be played by both, and are the same in both.")
    return 0


def _compare_checkouts(names: list[str], player: str, folder: Path) -> int:
    """Digests side by side as they come; then the events of the first session that differs."""
    for name, line in zip(names, _lines_of(folder, ["dump", *names, "--first", player]), strict=False):
        outputs = _play(name, player)
        found = chained(outputs) if outputs is not None else None
        if line == (f"{name} cannot" if found is None else f"{name} {found.events} {found.digest}"):
            continue
        theirs = list(_lines_of(folder, ["dump", name, "--events", "--first", player]))
        ours = [f"{name} {number} {difference.shown(output)}" for number, output in enumerate(outputs or ())]
        for ours_line, their_line in zip_longest(ours, theirs, fillvalue="(no event)"):
            if ours_line != their_line:
                print(f"{name}, played by {player}, differs from {folder}:")
                print(f"    here  {ours_line}\n    there {their_line}")
                return 1
        print(f"{name}, played by {player}, differs from {folder} in bytes that JSON does not show")
        return 1
    print(f"{len(names)} sessions are the same in {folder}.")
    return 0


def _lines_of(folder: Path, arguments: list[str]) -> Iterator[str]:
    command = [str(folder / ".venv" / "bin" / "python"), "-m", "tests.corpus", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield from (line.rstrip("\n") for line in process.stdout)
        finally:
            process.terminate()


def _play(name: str, player: str) -> list[Output] | None:
    return _player(player)(sessions.session(name))


def _player(name: str) -> Player:
    if ":" not in name:
        return adapter.available()[name]
    module, _, attribute = name.partition(":")
    player: Player = getattr(importlib.import_module(module), attribute)
    return player


def _names(options: argparse.Namespace) -> list[str]:
    """The sessions named, groups taken apart, or those of the seeds."""
    if options.seeds:
        first, _, end = options.seeds.partition(":")
        return [f"fuzz-{number}" for number in range(int(first), int(end))]
    known = sessions.names()
    found: list[str] = []
    for name in options.names:
        found += [one for one in known if sessions.group_of(one) == name] or [name]
    return found


if __name__ == "__main__":
    sys.exit(main())
