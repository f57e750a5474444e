"""A process that has imported the large packages, and forks for each run: what `processes.run_warm` asks.

A run of upstream's main.py takes seconds to import torch, Lightning and transformers, most of a short run's time. Here
that is done once; each fork then goes on as a fresh interpreter does with its script: argv, environment, path, exit
status, handlers at exit. Only what the packages say while they are imported is not heard again.

Reads requests from stdin, a line of JSON each: argv (without the interpreter), cwd, env, stdout and stderr (files to
write). Answers each with two lines: the process's number when it starts, its wait status when it ended.
"""

import importlib
import json
import os
import random
import runpy
import sys

PACKAGES = ("h5py", "torch.utils.data", "transformers", "lightning.pytorch", "peft", "git", "PIL.Image")


def child(request):
    """Become what was asked for, in a session of its own; returns to the end of the script, so that exit is as ever."""
    os.setsid()
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    random.seed()
    paths = list(filter(None, request["env"].get("PYTHONPATH", "").split(os.pathsep)))
    sys.path[:0] = [path for path in paths if path not in sys.path]
    first, *rest = request["argv"]
    if first == "-c":
        sys.argv, sys.path[:0] = ["-c", *rest[1:]], [""]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    elif first == "-m":
        sys.argv, sys.path[:0] = rest, [request["cwd"]]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[:0] = [first, *rest], [os.path.dirname(os.path.abspath(first))]
        runpy.run_path(first, run_name="__main__")


def main():
    for name in PACKAGES:
        importlib.import_module(name)
    sys.path.pop(0)  # of this script
    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if not process:
            child(request)
            return
        print(process, flush=True)
        print(os.waitpid(process, 0)[1], flush=True)


if __name__ == "__main__":
    main()
