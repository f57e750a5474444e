"""What all verbs share: only the one that runs is imported, and a closed output is no fault."""

import os
import subprocess
import sys

import pytest

from robovlms_mobile import cli


def test_a_verb_imports_no_other_verb(run_afresh, tmp_path):
    code = (
        "import sys; from robovlms_mobile.cli import main; main(['upstream', 'status', '--root', 'nowhere']);"
        "print(sorted(name for name in sys.modules if name.startswith('robovlms_mobile.cli.')))"
    )
    assert run_afresh(["-c", code], cwd=tmp_path).stdout.splitlines()[-1] == "['robovlms_mobile.cli.upstream']"


def test_help_names_every_verb(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {verb} " in shown for verb in cli.VERBS)


def test_an_unknown_verb_is_told_the_known_ones(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["trian"])
    assert ended.value.code == 2
    assert "invalid choice: 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize("unbuffered", [[], ["-u"]], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("verb", [["upstream", "status"], ["--help"]], ids=lambda verb: verb[0])
def test_an_output_nobody_reads_is_no_traceback(tmp_path, verb, unbuffered):
    command = [sys.executable, *unbuffered, "-m", "robovlms_mobile", *verb]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    process.stdout.close()  # as `| head` does once it has its lines
    errors = process.stderr.read()
    assert errors == ""
    assert process.wait() == 141 or verb == ["--help"]  # argparse itself may have taken note of it


def test_another_broken_pipe_is_not_hidden(monkeypatch, capfd):
    from robovlms_mobile.cli import upstream

    def run(args):
        raise BrokenPipeError("of a worker")

    monkeypatch.setattr(upstream, "run", run)
    with capfd.disabled(), pytest.raises(BrokenPipeError, match="of a worker"):
        cli.main(["upstream", "status"])
