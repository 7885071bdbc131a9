from .catch import Catch as Catch, CatchState as CatchState
from .deep_sea import DeepSea as DeepSea, DeepSeaState as DeepSeaState
from .discounting_chain import (
    DiscountingChain as DiscountingChain,
    DiscountingChainState as DiscountingChainState,
)
from .memory_chain import (
    MemoryChain as MemoryChain,
    MemoryChainState as MemoryChainState,
)
from .mnist_bandit import (
    MNISTBandit as MNISTBandit,
    MNISTBanditState as MNISTBanditState,
)
from .simple_bandit import (
    SimpleBandit as SimpleBandit,
    SimpleBanditState as SimpleBanditState,
)
from .umbrella_chain import (
    UmbrellaChain as UmbrellaChain,
    UmbrellaChainState as UmbrellaChainState,
)
