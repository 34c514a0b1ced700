import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.system.harness import BUILD, REAL, ROLES, System     # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "sim_only: scripts the Kubernetes stand-in, so it cannot run on a real API server")


def pytest_collection_modifyitems(items):
    missing = [b for b in (f"azp-{r}" for r in ROLES) if not (BUILD / b).exists()]
    for item in items:
        if REAL and item.get_closest_marker("sim_only"):
            item.add_marker(pytest.mark.skip(reason="needs the Kubernetes stand-in"))
        if missing and "system" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=f"not built: {', '.join(missing)}"))


@pytest.fixture
def stage(tmp_path):
    """The stand-ins alone."""
    from tests.sim.stage import Stage
    stages = []

    def make(*pools, **more):
        stages.append(Stage(tmp_path, pools or ("linux=12",), **more))
        return stages[-1]
    yield make
    for s in stages:
        s.close()


@pytest.fixture
def system(tmp_path):
    """system(pools=..., SETTING=...) builds a System that is torn down after the test; a failed one shows the ends of its logs."""
    systems = []

    def make(**more):
        systems.append(System(tmp_path, **more))
        return systems[-1]
    yield make
    for s in systems:
        s.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and "tmp_path" in getattr(item, "funcargs", {}):
        for log in sorted(pathlib.Path(item.funcargs["tmp_path"]).glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-3000:]))
