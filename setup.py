"""Package metadata and entry points. The version and the dependencies live here, nowhere else."""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "torch>=2.3",
    "lightning>=2.5",
    "pytorch-lightning>=2.5",
    "transformers>=4.37",
    "peft>=0.13",
    "h5py>=3.8",
    "gitpython>=3.1",
    # what upstream's mobile path imports, and what carries the plugin
    "einops>=0.7",
    "omegaconf>=2.3",
    "requests",
    "pillow>=9.5",
    "numpy>=1.26",
    "safetensors>=0.4",
    "sentencepiece",
    "filelock",
    "platformdirs",
    "tqdm",
    "wrapt>=1.16",
]
PLOTS = ["matplotlib>=3.8", "jinja2>=3.1"]
FAST = ["isal"]  # inflates twice as fast as zlib when frames are decoded
GYM = ["gymnasium>=1.0"]  # robovlms_mobile/Room-v0
ROS = [  # robovlms-mobile ros, where no robot's ROS is: its wheels on PyPI are for x86_64 Linux
    f"ros-{name}; sys_platform == 'linux' and platform_machine == 'x86_64'"
    for name in (
        *("rclpy", "geometry-msgs", "sensor-msgs", "std-msgs", "std-srvs", "diagnostic-msgs"),
        "rmw-fastrtps-cpp",
    )
]
LEROBOT = ["lerobot[dataset]>=0.6"]  # data import, data export; wants Python 3.12 and may want an older torch
BITSANDBYTES = ["bitsandbytes>=0.50"]  # "optimizer": "adamw8bit", "bits": 4; wants torch 2.4 or newer
ROSBAG = ["rosbags>=0.11.9"]  # data import of rosbag2
SERVE = ["websockets>=13", "msgpack>=1"]  # robovlms-mobile serve
TEST = ["pytest>=8", "pytest-xdist", "ruff", "mypy"]
# Upstream's own stack as it last worked together: unpinned, it no longer installs.
UPSTREAM = [
    "torch==2.3.1",
    "torchvision==0.18.1",
    "transformers==4.37.2",
    "lightning==2.5.0",
    "pytorch-lightning==2.5.0",
    "peft==0.13.2",
    "numpy<2",
    "datasets==2.14.7",
    "pyarrow<18",
    "pandas<3",
    "open_clip_torch",
    "ftfy",
]

BESIDE = {f"robovlms_mobile.{name}": name for name in ("configs", "patches")}  # a wheel carries them inside the package

setup(
    name="robovlms-mobile",
    version="0.1.0",
    description="LoRA finetuning of vision-language-action models for mobile robots, as a plugin to RoboVLMs",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[*find_packages(include=["robovlms_mobile", "robovlms_mobile.*"]), *BESIDE],
    package_dir=BESIDE,
    package_data={
        "robovlms_mobile": ["py.typed"],
        "robovlms_mobile.adapters": ["*.md"],
        "robovlms_mobile.configs": ["*.json", "*.md"],
        "robovlms_mobile.evaluation": ["eval.html"],
        "robovlms_mobile.patches": ["*.json", "*.md", "*.patch"],
        "robovlms_mobile.ros": ["robot.launch.xml", "robot.yaml"],
        "robovlms_mobile.report": ["head.html", "page.html", "page.css"],
        "robovlms_mobile.simulation": ["seeing/*"],
    },
    install_requires=CORE,
    extras_require={
        "bitsandbytes": BITSANDBYTES,
        "lerobot": LEROBOT,
        "plots": PLOTS,
        "fast": FAST,
        "gym": GYM,
        "ros": ROS,
        "rosbag": ROSBAG,
        "serve": SERVE,
        "test": TEST + PLOTS + FAST + GYM + ROSBAG + SERVE,
        "upstream": UPSTREAM,
    },
    entry_points={
        "console_scripts": ["robovlms-mobile = robovlms_mobile.cli:main"],
        "lightning.pytorch.callbacks_factory": ["robovlms-mobile = robovlms_mobile.plugin:callbacks_factory"],
        "pytorch_lightning.callbacks_factory": ["robovlms-mobile = robovlms_mobile.plugin:callbacks_factory"],
        "robovlms.plugins": ["robovlms-mobile = robovlms_mobile.plugin:early_load"],
        "robovlms.data": ["MobileVLAH5Dataset = robovlms_mobile.data.dataset:MobileVLAH5Dataset"],
        "robovlms.model.backbone": [
            f"{name} = robovlms_mobile.model.backbones:{name}"
            for name in (
                "RoboFlamingo",
                "RoboKosMos",
                "RoboLLaVA",
                "RoboMoonDream",
                "RoboPaligemma",
                "RoboQwen",
                "RoboUform",
            )
        ],
        "robovlms.model.policy_head": [
            *(
                f"{name} = robovlms_mobile.model.heads:{name}"
                for name in ("MobileFCDecoder", "MobileGPTDecoder", "MobileLSTMDecoder")
            ),
            "MobileKeyDecoder = robovlms_mobile.model.key_head:MobileKeyDecoder",
        ],
    },
)
