"""Four packages, each under its own source root; see README.md for why they stand where they do."""

import pathlib

from setuptools import find_packages, setup

ROOTS = {"grasp_tfp": ".", "grasp_datasets": "datasets", "grasp_pipelines": "pipelines", "graspctl": "cli"}

RUNTIME = [
    "apache-beam>=2.77,<3",
    "google-crc32c>=1.5,<2",
    "grpcio>=1.70,<2",  # Beam's, to ask a job server for its options
    "importlib_resources>=6",  # TFDS imports it on Python 3.11 and does not declare it
    "keras>=3.15,<4",
    "cbor2>=5.6,<7",
    "matplotlib>=3.10,<4",
    "mcap>=1.3,<2",
    "numba>=0.61,<1",
    "numpy>=2,<3",
    "packaging>=24",
    "pillow>=11,<13",
    "protobuf>=5,<7",
    "pybullet>=3.2.7,<4",
    "rich>=14,<16",
    "scipy>=1.15,<2",
    "simplejpeg>=1.8,<2",
    "tensorboard>=2.20,<3",  # Keras writes its files with it
    "tensorflow>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<5",
    "tensorflow-probability>=0.25,<0.26",
    "tf-keras>=2.21,<2.22",  # TFP imports it beside Keras 3
    "typer>=0.29,<1",
    "websockets>=15,<18",
]

DEVELOPMENT = [
    "av>=15,<19",
    "cryptography>=44",
    "dask>=2024.4.2",
    "dill>=0.3",  # TFDS imports these two for testing and for `tfds build`, and does not declare them
    "distributed>=2024.4.2",
    "foxglove-schemas-protobuf>=0.4,<1",
    "hypothesis>=6.130",
    "ipykernel>=7,<8",  # runs docs/tutorial.ipynb
    "mkdocs-material>=9.8,<10",
    "mkdocstrings-python>=2,<3",
    "mlcroissant>=1.1,<2",
    "mypy>=2.4,<3",
    "nbclient>=0.10,<1",
    "nbformat>=5.10,<6",
    "pytest>=9,<10",
    "rlds>=0.1.8,<0.2",
    "roslibpy>=2.1,<3",
    "rosbags>=0.11,<0.12",
    "ruff>=0.17,<0.18",
]

SIGNING = ["cryptography>=45"]
LEROBOT = ["av>=15,<19", "pyarrow>=18"]  # MP4 and Parquet
MLFLOW = ["mlflow>=3,<4"]
VIEW = ["foxglove-sdk>=0.30,<1", "rerun-sdk>=0.41,<1"]
WANDB = ["wandb>=0.20,<1"]

# Beam's file systems for gs://, s3:// and hdfs://, and the runners that need more than Beam.
EXTRAS = {
    "aws": ["apache-beam[aws]>=2.77,<3"],
    "dask": ["apache-beam[dask]>=2.77,<3"],
    "dev": DEVELOPMENT,
    "gcp": ["apache-beam[gcp]>=2.77,<3"],
    "hdfs": ["apache-beam[hadoop]>=2.77,<3"],
    "lerobot": LEROBOT,
    "mlflow": MLFLOW,
    "sign": SIGNING,
    "tfds": ["mlcroissant>=1.1,<2"],
    "view": VIEW,
    "wandb": WANDB,
}

HERE = pathlib.Path(__file__).parent


def version() -> str:
    """The version that `grasp_tfp/__init__.py` states, read without importing it."""
    text = (HERE / "grasp_tfp" / "__init__.py").read_text(encoding="utf-8")
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("__version__ = "))


def long_description() -> str:
    """README.md when it stands beside this file."""
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="graspctl",
    version=version(),
    description="Takes a robot cell from nothing to grasping: collect, convert, train, eval, deploy",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    # PyBullet, which simulates the contact, has wheels up to Python 3.11.
    python_requires=">=3.11,<3.12",
    install_requires=RUNTIME,
    extras_require=EXTRAS,
    packages=[name for root, where in ROOTS.items() for name in find_packages(where, include=[root, f"{root}.*"])],
    package_dir={name: f"{where}/{name}" for name, where in ROOTS.items()},
    package_data={
        "grasp_datasets.grasp_steps": ["*.bib", "*.md", "*.txt"],
        "grasp_tfp": ["pretrained/**/*", "robots/*.toml", "robots/*.txt", "robots/twin/*.toml"],
    },
    entry_points={
        "console_scripts": ["graspctl = graspctl.main:run"],
        "grasp_datasets.converters": ["logs = grasp_pipelines.convert:convert"],
    },
)
