from .asterix import Asterix as Asterix, AsterixState as AsterixState
from .freeway import Freeway as Freeway, FreewayState as FreewayState
