"""knarr explain, run against a server."""

from tests.support.cli import Cli


def test_a_field_with_its_default_and_rules(cli: Cli) -> None:
    assert cli.done("explain", "deployment.spec.replicas").splitlines() == [
        "KIND:     Deployment",
        "VERSION:  apps/v1",
        "",
        "FIELD:    spec.replicas <integer>",
        "",
        "DESCRIPTION:",
        "    How many pods.",
        "",
        "DEFAULT:  1",
        "RULES:",
        "    - greater than or equal to 0",
    ]


def test_a_kind_lists_its_fields(cli: Cli) -> None:
    lines = cli.done("explain", "po").splitlines()
    assert lines[0] == "KIND:     Pod"
    assert "  spec <PodSpec>" in lines
    assert "  containers <[]Container> -required-" in cli.done("explain", "pods.spec").splitlines()


def test_recursive_shows_every_level(cli: Cli) -> None:
    lines = cli.done("explain", "pod.spec.containers", "--recursive").splitlines()
    position = lines.index("  livenessProbe <Probe>")
    assert lines[position + 1].startswith("    ")
    assert "    exec <ExecAction>" in lines


def test_what_knarr_does_not_act_on_is_said(cli: Cli) -> None:
    assert "HERE:\n    accepted with a warning" in cli.done("explain", "pod.spec.dnsPolicy")
    assert "-refused-" in cli.done("explain", "pod.spec.hostPID")


def test_a_field_that_there_is_not(cli: Cli) -> None:
    outcome = cli("explain", "pod.spec.contaners")
    assert outcome.code == 1
    assert "containers" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert 'did you mean "pod"' in cli("explain", "podz").err
