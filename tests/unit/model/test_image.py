"""What an image is."""

from __future__ import annotations

from quiltctl.model.image import ImageConfig, config_document, config_from, image_id

CONFIG = ImageConfig(
    env=("A=1",),
    entrypoint=("/init",),
    cmd=("sh", "-c", "true"),
    user="nobody",
    workdir="/srv",
    labels={"z": "1", "a": "2"},
    stop_signal="SIGINT",
    comment="made by hand",
    exposed_ports=("53/udp", "80/tcp"),
)


def test_config_comes_back_from_its_document() -> None:
    """What the database keeps has docker's names, sorted labels, and is the same configuration again."""
    document = config_document(CONFIG)
    assert document == {
        "Env": ["A=1"],
        "Entrypoint": ["/init"],
        "Cmd": ["sh", "-c", "true"],
        "User": "nobody",
        "WorkingDir": "/srv",
        "Labels": {"a": "2", "z": "1"},
        "StopSignal": "SIGINT",
        "Comment": "made by hand",
        "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
    }
    assert config_from(document) == CONFIG


def test_config_that_says_nothing_is_an_empty_document() -> None:
    """Unsaid is left out, and comes back as unsaid."""
    assert config_document(ImageConfig()) == {}
    assert config_from({}) == ImageConfig()


def test_image_id_depends_on_content_alone() -> None:
    """Equal configuration, architecture and layers have one id, in whatever order; any change has another."""
    layers = ("1" * 64,)
    same = ImageConfig(**{**CONFIG.to_dict(), "labels": {"a": "2", "z": "1"}})
    ids = [
        image_id(CONFIG, "amd64", layers),
        image_id(same, "amd64", layers),
        image_id(ImageConfig(), "amd64", layers),
        image_id(CONFIG, "arm64", layers),
        image_id(CONFIG, "amd64", ("2" * 64,)),
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(len(one) == 64 for one in ids)


def test_image_id_stays_what_it_was() -> None:
    """Ids stand in users' scripts: this one must not change from version to version."""
    assert image_id(ImageConfig(), "amd64", ("0" * 64,)) == (
        "ff55178ba248aff9f55b881876369b351c38ec5aeb0f7a909f10a4c809905088"
    )
