# Shortening lists, for the compiled engine: the methods of a list cost as much as an object where a call is all there is.
# python_lists.py has the same names for the interpreter.
from cpython.list cimport PyList_GET_SIZE
from cpython.ref cimport PyObject

cdef extern from "Python.h":
    int shorten "PyList_SetSlice" (list items, Py_ssize_t start, Py_ssize_t end, PyObject *nothing) except -1


cdef inline int empty(list items) except -1:
    """Take everything off."""
    return shorten(items, 0, PyList_GET_SIZE(items), NULL)


cdef inline int drop_first(list items) except -1:
    """Take the first off a list that is not empty."""
    return shorten(items, 0, 1, NULL)


cdef inline int drop_last(list items) except -1:
    """Take the last off a list that is not empty."""
    return shorten(items, PyList_GET_SIZE(items) - 1, PyList_GET_SIZE(items), NULL)
