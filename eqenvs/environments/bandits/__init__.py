from ..._registry import register
from .bernoulli_bandit import (
    BernoulliBandit as BernoulliBandit,
    BernoulliBanditState as BernoulliBanditState,
)
from .gaussian_bandit import (
    GaussianBandit as GaussianBandit,
    GaussianBanditState as GaussianBanditState,
)


for _class in (BernoulliBandit, GaussianBandit):
    register(f"{_class.__name__}-misc", _class, family="bandits", frames_per_second=4.0)
