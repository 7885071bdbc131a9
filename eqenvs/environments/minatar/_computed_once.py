from ..._fusion import computed_apart as computed_apart, computed_once as computed_once
