"""What `knarr up` brings about, and what it finds again later."""

from pathlib import Path

from knarr.cli.local.cluster import Layout, LocalCluster, planned


def test_a_layout_is_found_again(tmp_path: Path) -> None:
    cluster = LocalCluster.under(tmp_path)
    assert cluster.load() is None
    for layout in (Layout(7443), Layout(7444, "fake", ("node-1", "node-2"), "/etc/profiles.yaml")):
        cluster.save(layout)
        assert cluster.load() == layout


def test_a_layout_of_before_there_were_profiles_is_read(tmp_path: Path) -> None:
    cluster = LocalCluster.under(tmp_path)
    cluster.root.mkdir(parents=True)
    (cluster.root / "cluster.json").write_text('{"port": 7443, "runtime": "fake", "nodes": ["node-1"]}')
    assert cluster.load() == Layout(7443, "fake", ("node-1",))


def test_nodes_and_profiles_stay_until_others_are_asked_for() -> None:
    first = planned(None, 2, "fake", Path("/etc/one.yaml"))
    assert (first.nodes, first.runtime, first.scheduler_config) == (
        ("node-1", "node-2"),
        "fake",
        "/etc/one.yaml",
    )
    assert planned(first, None, None) == first
    more = planned(first, 3, None, Path("/etc/two.yaml"))
    assert (more.nodes, more.scheduler_config) == (("node-1", "node-2", "node-3"), "/etc/two.yaml")


def test_the_server_is_started_with_its_profiles() -> None:
    cluster = LocalCluster.under(Path("/state"))
    assert "--scheduler-config" not in cluster.server_arguments(Layout(7443))
    arguments = cluster.server_arguments(Layout(7443, scheduler_config="/etc/one.yaml"))
    assert arguments[arguments.index("--scheduler-config") + 1] == "/etc/one.yaml"
