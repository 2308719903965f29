"""Rules of the uWSGI profiles, each on the C and on the model."""

import pytest

from cheaper.model import PROFILES, Model
from cheaper.pools import Pool
from cheaper.replay import Core


@pytest.fixture(params=[Core, Model], ids=["core", "model"])
def machine(request):
    return request.param


@pytest.fixture
def pool(machine):
    def make(*arguments, **options):
        return Pool(machine, *arguments, **options)

    return make


@pytest.fixture(params=PROFILES)
def profile(request):
    return request.param
