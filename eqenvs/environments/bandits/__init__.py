from .bernoulli_bandit import (
    BernoulliBandit as BernoulliBandit,
    BernoulliBanditState as BernoulliBanditState,
)
from .gaussian_bandit import (
    GaussianBandit as GaussianBandit,
    GaussianBanditState as GaussianBanditState,
)
