from .asterix import Asterix as Asterix, AsterixState as AsterixState
from .freeway import Freeway as Freeway, FreewayState as FreewayState
from .seaquest import Seaquest as Seaquest, SeaquestState as SeaquestState
