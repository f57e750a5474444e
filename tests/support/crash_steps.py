"""Children by fork, and the single steps by which a process changes what is on the disk."""

import builtins
import io
import json
import os
import traceback

import safetensors.torch
import torch

from robovlms_mobile import files

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# tempfile, shutil and pathlib come down to these; the last two write by themselves, in Rust and C++
PLACES = (
    *((os, name) for name in ("open", "mkdir", "chmod", "fsync", "link", "replace", "unlink", "rmdir")),
    *((builtins, "open"), (io, "open"), (files, "exchange")),
    *((safetensors.torch, "serialize_file"), (torch, "save")),
)
REMOVING = ("unlink", "rmdir")
OPENED = "opened"  # a step of its own: the file is there, and empty


class Steps:
    """Calls `strike(name, number)` before each step, which may raise or end the process.

    Attributes:
        names: of the steps so far.
    """

    def __init__(self, strike):
        self.strike, self.names = strike, []

    def install(self):
        """Wrap the functions of this process, for good. Returns itself."""
        for module, name in PLACES:
            setattr(module, name, self._wrapped(name, getattr(module, name)))
        return self

    def _wrapped(self, name, real):
        def step(*args, **kwargs):
            counts = name != "open" or writes(*args, **kwargs)
            if counts and self._strike(name) is False:  # how `exchange` says that it cannot
                return False
            result = real(*args, **kwargs)
            if counts and name == "open":
                self._strike(OPENED)
            return result

        return step

    def _strike(self, name):
        self.names.append(name)
        return self.strike(name, len(self.names) - 1)


def writes(path, mode="r", *args, flags=0, **kwargs):
    """True for the arguments of an `open` that writes to a disk, the built-in one or the system's."""
    return path != os.devnull and _writes(mode, flags)


def _writes(mode, flags):
    return bool((mode if isinstance(mode, int) else flags) & WRITING) or (
        isinstance(mode, str) and bool(set(mode) & set("wax+"))
    )


class Child:
    """One side of a fork. In the child `mine` is True and `say` writes a line to the parent."""

    def __init__(self):
        read, write = os.pipe()
        self.pid = os.fork()
        self.mine = not self.pid
        os.close(read if self.mine else write)
        self._write, self.file = (write, None) if self.mine else (None, os.fdopen(read))

    def say(self, text):
        content = f"{text}\n".encode()
        while content:
            content = content[os.write(self._write, content) :]

    def wait(self):
        """Return what the child said, and its exit code or minus its signal."""
        said = self.file.read()
        self.file.close()
        return said, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fork(task):
    """Do `task(say)` in a child. Returns its process id and the file with its lines."""
    child = Child()
    if not child.mine:
        return child.pid, child.file
    try:
        task(child.say)
    except BaseException:
        child.say(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def result_of(task):
    """Do `task()` in a child, whose patches and limits end with it. Returns what it returned, as JSON can hold it."""
    pid, file = fork(lambda say: say(json.dumps(task())))
    said = file.read()
    file.close()
    if os.waitpid(pid, 0)[1]:
        raise AssertionError(said)
    return json.loads(said.splitlines()[-1])
