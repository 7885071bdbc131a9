import pytest

import eqenvs
from eqenvs import _registry, CartPole


@pytest.fixture(autouse=True)
def registry_as_it_was(monkeypatch):
    monkeypatch.setattr(_registry, "_registry", dict(_registry._registry))


def test_make():
    env = eqenvs.make("CartPole-v1", gravity=5)
    assert isinstance(env, CartPole) and env.gravity == 5
    assert "CartPole-v1" in eqenvs.registered()


def test_every_id_is_registered():
    assert set(eqenvs.registered()) == {
        "CartPole-v1",
        "CartPole-v0",
        "Pendulum-v1",
        "Acrobot-v1",
        "MountainCar-v0",
        "MountainCarContinuous-v0",
        "Asterix-MinAtar",
        "Breakout-MinAtar",
        "Freeway-MinAtar",
        "Seaquest-MinAtar",
        "SpaceInvaders-MinAtar",
        "Catch-bsuite",
        "DeepSea-bsuite",
        "MemoryChain-bsuite",
        "UmbrellaChain-bsuite",
        "DiscountingChain-bsuite",
        "MNISTBandit-bsuite",
        "SimpleBandit-bsuite",
        "FourRooms-misc",
        "MetaMaze-misc",
        "PointRobot-misc",
        "BernoulliBandit-misc",
        "GaussianBandit-misc",
        "Reacher-misc",
        "Swimmer-misc",
        "Pong-misc",
        "FrozenLake-misc",
        "CartPole-bsuite",
        "CartPoleSwingUp-bsuite",
        "MountainCar-bsuite",
        "Taxi-v4",
        "CliffWalking-v1",
        "CliffWalkingSlippery-v1",
        "Blackjack-v1",
        "FrozenLake-v1",
        "FrozenLake8x8-v1",
    }


def test_register_a_class_a_function_and_a_string():
    eqenvs.register("A-v0", CartPole)
    eqenvs.register("B-v0", lambda **parameters: CartPole(force=3, **parameters))
    eqenvs.register("C-v0", "eqenvs.environments.classic_control:Pendulum")
    assert eqenvs.registered()[-3:] == ("A-v0", "B-v0", "C-v0")
    assert eqenvs.make("B-v0", gravity=2).force == 3
    assert type(eqenvs.make("C-v0")).__name__ == "Pendulum"


def test_an_id_is_registered_once():
    with pytest.raises(ValueError, match="'CartPole-v1' is already registered"):
        eqenvs.register("CartPole-v1", CartPole)
    assert eqenvs.make("CartPole-v1").max_steps == 500


def test_a_cell_of_a_notebook_runs_again():
    for gravity in (1.0, 2.0):

        def mine(gravity=gravity):
            return CartPole(gravity=gravity)

        mine.__module__ = "__main__"
        eqenvs.register("Mine-v0", mine)
    assert eqenvs.make("Mine-v0").gravity == 2
    with pytest.raises(ValueError, match="'Mine-v0' is already registered"):
        eqenvs.register("Mine-v0", CartPole)


@pytest.mark.parametrize(
    "id, nearest",
    [
        ("CartPole-v2", "CartPole-v1"),
        ("cartpole", "CartPole-v1"),
        ("Cartpol-v1", "CartPole-v1"),
        ("pendulum-v1", "Pendulum-v1"),
        ("MountainCarContinous-v0", "MountainCarContinuous-v0"),
    ],
)
def test_an_unknown_id_names_the_nearest(id, nearest):
    with pytest.raises(ValueError, match=f"{id!r}. Did you mean '{nearest}'"):
        eqenvs.make(id)


def test_an_id_near_nothing():
    with pytest.raises(ValueError, match=r"'!!'.*eqenvs\.registered\(\)"):
        eqenvs.make("!!")


@pytest.mark.parametrize("id, entry_point", [("", CartPole), ("D-v0", "no colon")])
def test_wrong_registrations(id, entry_point):
    with pytest.raises(TypeError):
        eqenvs.register(id, entry_point)
