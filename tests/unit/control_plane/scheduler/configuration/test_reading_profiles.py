"""Files of profiles: what they make, and what is said of those that cannot be used."""

import textwrap

import pytest

from control_plane.scheduler.configuration.read import (
    Configuration,
    ConfigurationError,
    read_configuration,
)
from control_plane.scheduler.framework import PreemptionRules, Profile
from control_plane.scheduler.profiles import DEFAULT, Profiles

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def read(text: str) -> Configuration:
    return read_configuration(HEAD + textwrap.dedent(text), "file.yaml")


def names(profile: Profile) -> tuple[list[str], dict[str, int]]:
    return [each.name for each in profile.filters], {score.name: weight for score, weight in profile.scores}


def test_an_empty_configuration_is_the_default_profile() -> None:
    configuration = read("profiles: [{}]")
    (profile,) = configuration.profiles
    assert names(profile) == names(DEFAULT)
    assert (profile.name, profile.preemption) == ("default-scheduler", PreemptionRules())


@pytest.mark.parametrize(
    ("plugins", "filters", "scores"),
    [
        pytest.param("{}", {}, {}, id="nothing"),
        pytest.param(
            "{score: {enabled: [{name: NodeAffinity, weight: 7}]}}", {}, {"NodeAffinity": 7}, id="weight"
        ),
        pytest.param(
            "{score: {disabled: [{name: ImageLocality}]}}", {}, {"ImageLocality": None}, id="one less"
        ),
        pytest.param(
            "{filter: {disabled: [{name: TaintToleration}]}}",
            {"TaintToleration": None},
            {},
            id="only the filter",
        ),
        pytest.param(
            "{multiPoint: {disabled: [{name: NodeAffinity}]}}",
            {"NodeAffinity": None},
            {"NodeAffinity": None},
            id="everywhere",
        ),
        pytest.param(
            "{multiPoint: {disabled: [{name: NodeAffinity}]},"
            " score: {enabled: [{name: NodeAffinity, weight: 4}]}}",
            {"NodeAffinity": None},
            {"NodeAffinity": 4},
            id="a point wins",
        ),
        pytest.param(
            "{score: {disabled: [{name: '*'}], enabled: [{name: ImageLocality}]}}",
            {},
            {name: None for name in names(DEFAULT)[1]} | {"ImageLocality": 1},
            id="all but one",
        ),
        pytest.param("{reserve: {enabled: [{name: VolumeBinding}]}}", {}, {}, id="what means nothing"),
    ],
)
def test_plugins(plugins: str, filters: dict[str, None], scores: dict[str, int | None]) -> None:
    """What differs from the default profile; None: it is gone."""
    (profile,) = read(f"profiles: [{{plugins: {plugins}}}]").profiles
    had_filters, had_scores = names(DEFAULT)
    expected = {**had_scores, **scores}
    assert names(profile) == (
        [name for name in had_filters if name not in filters],
        {name: weight for name, weight in expected.items() if weight is not None},
    )


def test_preemption_can_be_switched_off_and_set() -> None:
    (off,) = read("profiles: [{plugins: {postFilter: {disabled: [{name: DefaultPreemption}]}}}]").profiles
    assert off.preemption is None
    args = "{name: DefaultPreemption, args: {minCandidateNodesPercentage: 50, minCandidateNodesAbsolute: 7}}"
    (wide,) = read(f"profiles: [{{pluginConfig: [{args}]}}]").profiles
    assert wide.preemption == PreemptionRules(50, 7)


def test_a_configuration_of_kube_scheduler_is_taken_as_it_is() -> None:
    configuration = read("""
        parallelism: 16
        percentageOfNodesToScore: 10
        leaderElection: {leaderElect: true}
        clientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf}
        podInitialBackoffSeconds: 2
        podMaxBackoffSeconds: 20
        profiles:
        - schedulerName: default-scheduler
        - schedulerName: bin-packing
          pluginConfig:
          - name: NodeResourcesFit
            args:
              apiVersion: kubescheduler.config.k8s.io/v1
              kind: NodeResourcesFitArgs
              scoringStrategy:
                type: MostAllocated
                resources: [{name: cpu, weight: 2}, {name: nvidia.com/gpu, weight: 5}]
    """)
    assert [profile.name for profile in configuration.profiles] == ["default-scheduler", "bin-packing"]
    assert (configuration.backoff_first_s, configuration.backoff_most_s) == (2, 20)
    assert [warning.partition(":")[0] for warning in configuration.warnings] == [
        *("clientConnection", "leaderElection", "parallelism", "percentageOfNodesToScore")
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("profiels: []", ["profiels: unknown field; did you mean profiles?"], id="unknown field"),
        pytest.param(
            "profiles: [{plugins: {score: {enabled: [{name: NodeAfinity}]}}}]",
            [
                'profiles[0].plugins.score.enabled[0].name: "NodeAfinity" is not a plugin; '
                "did you mean NodeAffinity?"
            ],
            id="unknown plugin",
        ),
        pytest.param(
            "profiles: [{plugins: {bind: {disabled: [{name: DefaultBinder}]}}}]",
            ["profiles[0].plugins.bind.disabled[0].name: DefaultBinder cannot be disabled"],
            id="nothing would bind",
        ),
        pytest.param(
            "profiles: [{plugins: {score: {enabled: [{name: ImageLocality, weight: 101}]}}}]",
            ["profiles[0].plugins.score.enabled[0].weight: must be between 0 and 100"],
            id="weight",
        ),
        pytest.param(
            "profiles: [{}, {}]",
            ["profiles[1].schedulerName: another profile is called default-scheduler too"],
            id="two of a name",
        ),
        pytest.param(
            "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: "
            "{scoringStrategy: {type: Least, resources: [{name: cpu, weight: 200}]}}}]}]",
            [
                "profiles[0].pluginConfig[0].args.scoringStrategy.type: must be one of LeastAllocated, "
                "MostAllocated, RequestedToCapacityRatio",
                "profiles[0].pluginConfig[0].args.scoringStrategy.resources[0].weight: "
                "must be between 1 and 100",
            ],
            id="strategy",
        ),
        pytest.param(
            "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {"
            "type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: "
            "[{utilization: 50, score: 11}, {utilization: 50, score: 1}]}}}}]}]",
            [
                "profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape[0].score: "
                "must be between 0 and 10",
                "profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape[1]."
                "utilization: must be above the one before it",
            ],
            id="shape",
        ),
        pytest.param(
            "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: "
            "[{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}}]}]",
            [
                "profiles[0].pluginConfig[0].args.defaultConstraints: needs defaultingType: List",
                "profiles[0].pluginConfig[0].args.defaultConstraints[0].maxSkew: must be at least 1",
            ],
            id="default constraints",
        ),
        pytest.param(
            "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: -1}}]}]",
            ["profiles[0].pluginConfig[0].args.hardPodAffinityWeight: must be between 0 and 100"],
            id="affinity weight",
        ),
        pytest.param(
            "profiles: [{pluginConfig: [{name: NodeName, args: {a: 1}}]}]",
            ["profiles[0].pluginConfig[0].args: NodeName takes no args"],
            id="args of a plugin without",
        ),
        pytest.param("podMaxBackoffSeconds: 0", ["podMaxBackoffSeconds: must be above 0"], id="back-off"),
    ],
)
def test_what_is_wrong_is_said_by_path(text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert str(caught.value).splitlines() == [f"file.yaml: {problem}" for problem in problems]


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: 1\n---\nb: 2"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"file\.yaml"):
        read_configuration(text, "file.yaml")


def test_pods_find_their_profile_by_scheduler_name() -> None:
    packing = Profile("bin-packing", (), ())
    profiles = Profiles([packing])
    assert profiles.of("bin-packing") is packing
    assert profiles.of("") is profiles.of("default-scheduler") is DEFAULT
    assert "someone-else" not in profiles
    mine = Profile("default-scheduler", (), ())
    assert Profiles([mine]).of("") is mine
