// An extension module of CPython around leak.c: leak(WORDS), with the lock of the interpreter given up meanwhile.
#define LIBRARY
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "leak.c"

static PyObject *call(PyObject *self, PyObject *arguments) {
    const char *words;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "s", &words)) return NULL;
    Py_BEGIN_ALLOW_THREADS leak(words);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"leak", call, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "leaking", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_leaking(void) { return PyModule_Create(&module); }
