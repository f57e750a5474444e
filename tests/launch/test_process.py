"""What upstream needs before its first line runs."""

import subprocess
import sys

from robovlms_mobile.launch import process as launch

FULL = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}


def test_one_process_gets_a_whole_rendezvous_with_a_free_port():
    environ = {}
    assert launch.single_process_defaults(environ)
    assert set(environ) == set(launch.RENDEZVOUS)
    assert (environ["RANK"], environ["WORLD_SIZE"]) == ("0", "1")
    assert int(environ["MASTER_PORT"]) > 1023


def test_two_runs_get_different_ports():
    one, two = {}, {}
    launch.single_process_defaults(one)
    launch.single_process_defaults(two)
    assert one["MASTER_PORT"] != two["MASTER_PORT"]


def test_torchruns_environment_is_left_alone():
    for environ in (dict(FULL), {"RANK": "0"}, {"MASTER_PORT": "29500"}):
        before = dict(environ)
        assert not launch.single_process_defaults(environ)
        assert environ == before


def in_new_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_without_cuda_nccl_becomes_gloo_and_cuda_a_no_op():
    out = in_new_process(
        "from robovlms_mobile.launch import process as launch; launch.prepare()\n"
        "import torch, torch.distributed as dist\n"
        "dist.init_process_group(backend='nccl')\n"
        "x = torch.ones(2)\n"
        "print(dist.get_backend(), x.cuda() is x, launch.prepare())\n"
    )
    assert out[0] in ("gloo", "nccl")
    if out[0] == "gloo":
        assert out[1:] == ["True", "[]"]


def test_upstreams_copy_into_site_packages_does_not_happen(tmp_path):
    (tmp_path / "modeling_kosmos2.py").write_text("poison")
    out = in_new_process(
        "import os; from robovlms_mobile.launch import process as launch; launch.keep_site_packages()\n"
        f"status = os.system('cp {tmp_path}/modeling_kosmos2.py {tmp_path}/copied.py')\n"
        f"print(status, os.path.exists('{tmp_path}/copied.py'), os.system('exit 3') >> 8)\n"
    )
    assert out[-3:] == ["0", "False", "3"]
