from .asterix import Asterix as Asterix, AsterixState as AsterixState
