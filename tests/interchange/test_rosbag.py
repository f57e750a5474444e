"""rosbag2 recordings as episodes, on bags that the package rosbags writes; skipped where it is not."""

import importlib.util
import io
import json
import random
import shutil

import h5py
import numpy as np
import pytest
from PIL import Image
from support.damaged import damage

from robovlms_mobile.cli import main
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.errors import MobileError
from robovlms_mobile.interchange.bag_import import BagOptions, import_bags
from robovlms_mobile.interchange.pairing import nearest, runs, thinned

HERE = importlib.util.find_spec("rosbags") is not None
needs_rosbags = pytest.mark.skipif(not HERE, reason="rosbags is not installed: pip install 'robovlms-mobile[rosbag]'")
DAMAGED = 500  # files of each kind
START = 1_790_000_000  # seconds, when every bag begins
DRIVE = np.array([(1.15, 0, 0), (1.15, -1.15, 0), (0, 0, 0.5), (0, 0, 0)])


def pictures(count, size=(24, 16)):
    """`count` smooth pictures, (H, W, 3) uint8 RGB, red in front."""
    ramp = np.linspace(0, 200, size[0] * size[1]).reshape(size[1], size[0])
    return [np.stack([ramp, ramp / 2, ramp * 0 + 10 * n], -1).astype(np.uint8) for n in range(count)]


def write_bag(path, shown, sent, *, plugin="sqlite3", encoding="rgb8", stamped=False, topic="/camera/image_raw"):
    """A bag: `shown`, (seconds, RGB) of each frame; `sent`, (seconds, three velocities) of each command."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    compressed = encoding in ("jpeg", "png")
    kinds = {
        topic: "sensor_msgs/msg/CompressedImage" if compressed else "sensor_msgs/msg/Image",
        "/cmd_vel": "geometry_msgs/msg/TwistStamped" if stamped else "geometry_msgs/msg/Twist",
        "/odom": "nav_msgs/msg/Odometry",
    }
    messages = [(when, topic, image_message(store, frame, encoding)) for when, frame in shown]
    messages += [(when, "/cmd_vel", twist_message(store, velocity, stamped)) for when, velocity in sent]
    with Writer(path, version=9, storage_plugin=StoragePlugin[plugin.upper()]) as writer:
        connections = {name: writer.add_connection(name, kind, typestore=store) for name, kind in kinds.items()}
        for when, name, message in sorted(messages, key=lambda each: each[0]):
            raw = store.serialize_cdr(message, kinds[name])
            writer.write(connections[name], round((START + when) * 1e9), raw)
    return path


def header(store):
    types = store.types
    return types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 0), "camera")


def image_message(store, frame, encoding):
    if encoding in ("jpeg", "png"):
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, encoding.upper(), quality=95)
        data = np.frombuffer(buffer.getvalue(), np.uint8)
        return store.types["sensor_msgs/msg/CompressedImage"](header(store), f"rgb8; {encoding} compressed bgr8", data)
    height, width = frame.shape[:2]
    rows = np.zeros((height, width * 3 + 8), np.uint8)  # padded, as some drivers do
    rows[:, : width * 3] = (frame[..., ::-1] if encoding == "bgr8" else frame).reshape(height, -1)
    kind = store.types["sensor_msgs/msg/Image"]
    return kind(header(store), height, width, encoding, 0, rows.shape[1], rows.reshape(-1))


def twist_message(store, velocity, stamped):
    types = store.types
    vector = types["geometry_msgs/msg/Vector3"]
    twist = types["geometry_msgs/msg/Twist"](vector(velocity[0], velocity[1], 0.0), vector(0.0, 0.0, velocity[2]))
    return types["geometry_msgs/msg/TwistStamped"](header(store), twist) if stamped else twist


def drive(late=0.05):
    """Four frames a second apart, and the command of each, `late` seconds behind it."""
    shown = list(zip(range(4), pictures(4), strict=True))
    return shown, [(when + late, tuple(map(float, DRIVE[when]))) for when in range(4)]


def spoken(capsys, *arguments):
    assert main(["data", "import", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@needs_rosbags
@pytest.mark.parametrize(
    ("plugin", "encoding", "stamped"),
    [("sqlite3", "rgb8", False), ("mcap", "bgr8", True), ("mcap", "png", False), ("sqlite3", "jpeg", False)],
)
def test_a_bag_is_an_episode_that_the_reader_takes(tmp_path, capsys, plugin, encoding, stamped):
    bag = write_bag(tmp_path / "bag", *drive(), plugin=plugin, encoding=encoding, stamped=stamped)
    options = ("--instruction", "Drive to the cup.", "--scenario", "1box_hori_left")
    said = spoken(capsys, bag, "--to", tmp_path / "out", *options)
    assert (said["bags"], said["episodes"], said["frames"], said["left_out"]) == (1, 1, 4, 0)
    assert said["spread"].startswith("50 ms in the median, 50 ms in 95 %, 50 ms at most; in 100%")
    (path,) = (tmp_path / "out").glob("episode_20??????_??????_1box_hori_left.h5")
    episode = read_episode(path)
    assert np.array_equal(episode.actions, DRIVE.astype(np.float32))
    assert (episode.instruction, episode.scenario) == ("Drive to the cup.", "1box_hori_left")
    assert episode.seconds == pytest.approx(4.0)
    apart = np.abs(read_frames(episode, range(4)).astype(int) - pictures(4))
    assert apart.mean() < 3 if encoding == "jpeg" else not apart.any()
    with h5py.File(path) as file:
        assert file["timestamps"][()].tolist() == [0, 1, 2, 3] and file.attrs["source"] == "bag"


@needs_rosbags
def test_a_pause_without_commands_ends_an_episode_and_what_is_left_out_is_counted(tmp_path, capsys):
    frames = list(zip(np.arange(0, 10, 0.5), pictures(20), strict=True))
    sent = [(when, (1.15, 0.0, 0.0)) for when in (*np.arange(0, 3, 0.1), *np.arange(6, 9, 0.1))]
    bag = write_bag(tmp_path / "bag", frames, sent)
    said = spoken(capsys, bag, "--to", tmp_path / "out", "--within", "0.2")
    assert (said["episodes"], said["frames"], said["left_out"]) == (2, 14, 6)
    said = spoken(capsys, bag, "--to", tmp_path / "slow", "--within", "0.2", "--rate", "1")
    assert (said["episodes"], said["frames"]) == (2, 8)
    assert main(["data", "import", str(bag), "--to", str(tmp_path / "text")]) == 0
    assert "ms in the median" in capsys.readouterr().out


@needs_rosbags
def test_a_folder_of_bags_gives_an_episode_each_and_names_that_clash_are_told_apart(tmp_path, capsys):
    for name in ("a", "b"):
        write_bag(tmp_path / "bags" / name, *drive(), plugin="mcap")
    assert spoken(capsys, tmp_path / "bags", "--to", tmp_path / "out")["episodes"] == 2
    one, other = sorted(path.stem for path in (tmp_path / "out").iterdir())
    assert other == f"{one}_2"


@needs_rosbags
def test_what_cannot_be_read_is_said_with_what_is_there(tmp_path, capsys):
    bag = write_bag(tmp_path / "bag", *drive())

    def refused(*arguments):
        assert main(["data", "import", *map(str, arguments), "--to", str(tmp_path / "out")]) == 1
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    text = refused(bag, "--command-topic", "/base/cmd")
    assert "no /base/cmd of geometry_msgs/msg/Twist" in text and "/cmd_vel (geometry_msgs/msg/Twist)" in text
    assert "no /other" in refused(bag, "--image-topic", "/other")
    assert "the nearest is 0.05" in refused(bag, "--within", "0.01")
    (tmp_path / "empty").mkdir()
    assert "holds no rosbag2" in refused(tmp_path / "empty")
    depth = write_bag(tmp_path / "depth", [(0, pictures(1)[0]), (1, pictures(1)[0])], drive()[1], encoding="16UC1")
    assert "message 0: encoding is '16UC1'" in refused(depth)
    sizes = [(0, pictures(1)[0]), (1, pictures(1, (8, 8))[0])]
    assert "frame 1 is 8×8, the first 24×16" in refused(write_bag(tmp_path / "sizes", sizes, drive()[1]))
    assert "rate is 0, expected more than 0" in refused(bag, "--rate", "0")
    (tmp_path / "torn.mcap").write_bytes(b"torn")
    assert main(["data", "import", str(bag), "--to", str(tmp_path / "torn.mcap" / "out")]) == 1
    assert "out cannot be written (" in capsys.readouterr().err
    assert "cannot be read" in refused(tmp_path / "torn.mcap")


@needs_rosbags
@pytest.mark.slow
@pytest.mark.parametrize("plugin", ["mcap", "sqlite3"])
def test_a_damaged_bag_is_an_error_or_read_and_leaves_nothing_half_done(tmp_path, plugin):
    bag, rng = write_bag(tmp_path / "bag", *drive(), plugin=plugin), random.Random(plugin)
    whole = {path: path.read_bytes() for path in bag.iterdir()}
    read = 0
    for _ in range(DAMAGED):
        for path, content in whole.items():
            path.write_bytes(content)
        damage(rng.choice(sorted(whole)), rng)
        out = tmp_path / "out"
        try:
            read += import_bags(bag, out, BagOptions()).episodes
            shutil.rmtree(out)
        except MobileError:
            assert not out.exists() and {path.name for path in tmp_path.iterdir()} == {"bag"}
    assert 0 < read < DAMAGED


@pytest.mark.skipif(HERE, reason="rosbags is installed")
def test_where_rosbags_is_missing_the_extra_is_named(tmp_path, capsys):
    (tmp_path / "one.mcap").write_bytes(b"")
    assert main(["data", "import", str(tmp_path / "one.mcap"), "--to", str(tmp_path / "out")]) == 1
    assert "pip install 'robovlms-mobile[rosbag]'" in capsys.readouterr().err


def test_each_frame_takes_the_nearest_command_of_two_as_near_the_earlier():
    pairs = nearest(np.array([0.0, 1.0, 2.4, 9.0]), np.array([0.2, 1.8, 3.0]))
    assert pairs.command.tolist() == [0, 0, 1, 2]
    assert pairs.apart == pytest.approx([0.2, -0.8, -0.6, -6.0])
    assert (
        pairs.spread() == "700 ms in the median, 5220 ms in 95 %, 6000 ms at most; in 25% the command is the later one"
    )


def test_frames_are_thinned_to_a_clock_and_stretches_are_two_long_at_least():
    assert thinned(np.arange(0, 3, 0.1), 2).tolist() == [0, 5, 10, 15, 20, 25]
    assert thinned(np.arange(3.0), None).tolist() == [0, 1, 2]
    assert runs(np.array([1, 1, 0, 1, 0, 1, 1, 1], bool)) == [slice(0, 2), slice(5, 8)]
