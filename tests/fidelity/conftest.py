import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))


@pytest.fixture
def stage(tmp_path):
    from tests.sim.stage import Stage
    s = Stage(tmp_path, ("linux=12", "windows=13"))
    yield s
    s.close()
