"""Fields: described once, checked by name, documented, and read as they are meant."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Float, Int32

import eqenvs
from eqenvs import AbstractEnvironment, AbstractState, CartPole, spaces, Transition
from eqenvs._parametric import batch_axes, described_fields
from eqenvs.fields import choice, count, flag, function, integer, real, time_limit


class CounterState(AbstractState):
    time: Int32[Array, ""]


class AbstractCounter(AbstractEnvironment[CounterState, Array, Array]):
    """Counts."""

    step_size: Float[Array, ""] = real(1.0, "The step.", unit="m", above=0)

    def initial_state(self, key):
        return CounterState(time=jnp.int32(0))

    def transition(self, key, state, action):
        return Transition(CounterState(time=state.time + 1), self.step_size)

    def observe(self, state):
        return state.time

    @property
    def action_space(self):
        return spaces.Discrete(2)

    @property
    def observation_space(self):
        return spaces.Box(0, 100, dtype=jnp.int32)


class Up(AbstractCounter):
    """Counts up."""

    max_steps: Int32[Array, ""] = time_limit(5)


class Down(AbstractCounter):
    """Counts down."""

    max_steps: Int32[Array, ""] = time_limit(6)


class TestNames:
    def test_an_inherited_field_names_the_class_that_was_called(self):
        for cls in (Up, Down, Up):
            with pytest.raises(ValueError, match=rf"{cls.__name__}\.step_size must be"):
                cls(step_size=-1)

    def test_arguments_have_the_inherited_fields_too(self):
        for cls in (Up, Down):
            assert "**Arguments:**" in cls.__doc__
            assert "- `step_size`: The step. Unit: m." in cls.__doc__
            assert "greater than 0" in cls.__doc__
            assert "- `max_steps`: Number of steps after which" in cls.__doc__
        assert "Default: `5`" in Up.__doc__ and "Default: `6`" in Down.__doc__

    def test_described_fields(self):
        fields = described_fields(Up)
        assert list(fields) == ["step_size", "max_steps"]
        assert fields["step_size"].default_text == "1"
        assert fields["step_size"].parameter.unit == "m"


class TestTimeLimit:
    @pytest.mark.parametrize("declared", [7, np.int64(7), eqx.field(default=7)])
    def test_a_plain_number_becomes_a_time_limit(self, declared):
        class Plain(AbstractCounter):
            max_steps: Int32[Array, ""] = declared

        env = Plain()
        assert env.max_steps.dtype == jnp.int32 and env.max_steps == 7
        with pytest.raises(ValueError, match=r"Plain\.max_steps must be .*at least 1"):
            Plain(max_steps=0)

    def test_without_an_annotation(self):
        class Bare(AbstractCounter):
            max_steps = 7

        assert Bare().max_steps.dtype == jnp.int32 and Bare(max_steps=3).max_steps == 3

    def test_without_a_default(self):
        class Required(AbstractEnvironment[CounterState, Array, Array]):
            max_steps: Int32[Array, ""]
            initial_state = AbstractCounter.initial_state
            transition = AbstractCounter.transition
            observe = AbstractCounter.observe
            action_space = AbstractCounter.action_space
            observation_space = AbstractCounter.observation_space

        assert Required(max_steps=7).max_steps.dtype == jnp.int32
        with pytest.raises(TypeError, match="max_steps"):
            Required()


@pytest.mark.parametrize(
    "value, message",
    [
        (2**32, "fit 32 bits"),
        (2**32 + 500, "fit 32 bits"),
        (2**31, "fit 32 bits"),
        (np.uint32(2**32 - 1), "fit 32 bits"),
        (-(2**31) - 1, "fit 32 bits"),
        (0, "at least 1; got 0"),
    ],
)
def test_integers_do_not_wrap(value, message):
    with pytest.raises(ValueError, match=rf"CartPole\.max_steps must be .*{message}"):
        CartPole(max_steps=value)


def test_numbers_are_stored_as_jax_stores_them(either_precision):
    for value in (9.8, 3, 2**24 + 1, 2**40, 1e-46, np.float16(0.1), np.uint8(7)):
        expected = jnp.asarray(np.asarray(value), dtype=jnp.result_type(float))
        for make in (CartPole, lambda value: jax.jit(lambda: CartPole(value))()):
            stored = make(value).gravity
            assert stored.dtype == expected.dtype and not stored.weak_type
            np.testing.assert_array_equal(stored, expected)
            assert stored.sharding == expected.sharding and not stored.committed
    inside = jax.make_jaxpr(lambda: CartPole(3.7).gravity)()
    assert inside.eqns == [] and inside.out_avals[0].dtype == expected.dtype
    assert CartPole(max_steps=np.int64(7)).max_steps.dtype == jnp.int32


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e309, jnp.float32(np.nan)])
def test_numbers_are_finite(value):
    with pytest.raises(ValueError, match=r"CartPole\.gravity must be .*finite; got"):
        CartPole(gravity=value)


class Described(eqenvs._parametric.AbstractParametric):
    limit: Float[Array, ""] = real(np.inf, "May be infinite.", finite=False)
    positive: Float[Array, ""] = real(1.0, "A divisor.", above=0)
    vector: Float[Array, " n"] = real((1.0, 2.0), "Numbers.", shape=(None,))
    number: Int32[Array, ""] = integer(1, "An integer.")
    size: int = count(2, "A size.")
    is_on: bool = flag(False, "A switch.")
    kind: str = choice("a", "A kind.", options=("a", "b"))
    call: object = function(jnp.sin, "A function.")


class TestKinds:
    def test_real(self):
        assert Described().limit == jnp.inf and Described(limit=3).limit == 3
        with pytest.raises(ValueError, match=r"limit must be a real number"):
            Described(limit=np.nan)
        for value in (0, -1, 0.0, -1e-60):
            with pytest.raises(ValueError, match="greater than 0; got"):
                Described(positive=value)
        # Positive, and zero in 32 bits.
        with jax.enable_x64(False), pytest.raises(ValueError, match="greater than 0"):
            Described(positive=1e-60)
        with pytest.raises(ValueError, match=r"shape \(any,\)"):
            Described(vector=1.0)

    def test_static_kinds_are_no_leaves(self):
        leaves = jax.tree.leaves(Described())
        assert len(leaves) == 4 and all(eqx.is_array(x) for x in leaves)
        assert Described(size=np.int64(3)).size == 3
        for wrong in (2.0, True, "2"):
            with pytest.raises(TypeError, match=r"Described\.size must be a Python"):
                Described(size=wrong)
        with pytest.raises(TypeError, match="True or False; got 1"):
            Described(is_on=1)
        with pytest.raises(ValueError, match="one of 'a', 'b'; got 'c'"):
            Described(kind="c")
        with pytest.raises(ValueError, match="one of 'a', 'b'; got"):
            Described(kind=["a"])

    def test_function(self):
        assert Described().call(0.0) == 0.0
        network = eqx.nn.Linear(1, 1, key=jr.key(0))
        assert Described(call=network).call is network
        with pytest.raises(TypeError, match=r"Described\.call must be a callable"):
            Described(call=3)


class TestBatches:
    def test_leaf_by_leaf(self):
        env = eqx.tree_at(lambda e: e.gravity, CartPole(), jnp.arange(3.0))
        axes = batch_axes(env)
        assert axes.gravity == 0 and axes.force is None and axes.max_steps is None

    def test_a_leaf_that_fits_neither_way_is_named(self):
        env = eqx.tree_at(lambda e: e.gravity, CartPole(), jnp.arange(3.0))
        with pytest.raises(ValueError, match=r"`gravity` of CartPole .*num_envs=4; "):
            eqenvs.VectorEnvironment(env, 4)
        env = eqx.tree_at(lambda e: e.force, env, jnp.ones((3, 2)))
        with pytest.raises(ValueError, match=r"`force` of CartPole .*\(3, 2\)"):
            eqenvs.VectorEnvironment(env, 3)

    def test_inside_a_wrapper(self):
        env = eqenvs.wrappers.TimeLimit(CartPole(), max_steps=3)
        env = eqx.tree_at(lambda e: e.env.gravity, env, jnp.arange(3.0))
        envs = eqenvs.VectorEnvironment(env, 3)
        assert envs.is_batched
        _, states = envs.reset(jr.key(0))
        step = envs.step(jr.key(1), states, jnp.zeros(3, jnp.int32))
        for i in range(3):
            one = CartPole(gravity=float(i)).step(
                jr.key(5), jax.tree.map(lambda x, i=i: x[i], states), 0
            )
            np.testing.assert_allclose(step.observation[i], one.observation, rtol=1e-6)

    def test_an_undescribed_leaf_goes_by_its_annotation(self):
        class Annotated(AbstractCounter):
            max_steps: Int32[Array, ""] = time_limit(5)
            weights: Float[Array, "2 3"] = dataclasses.field(
                default_factory=lambda: jnp.zeros((2, 3))
            )

        env = eqx.tree_at(lambda e: e.weights, Annotated(), jnp.zeros((4, 2, 3)))
        assert batch_axes(env).weights == 0
        assert batch_axes(Annotated()).weights is None

    def test_a_batch_is_not_reset_directly(self):
        envs = eqx.filter_vmap(CartPole)(jnp.arange(3.0))
        for call in (
            lambda: envs.reset(jr.key(0)),
            lambda: envs.step(jr.key(0), CartPole().reset(jr.key(0))[1], 0),
        ):
            with pytest.raises(ValueError, match=r"batch of 3 env.*VectorEnvironment"):
                call()


def test_a_traced_array_of_a_wrong_dtype_is_named(unchecked):
    with pytest.raises(
        TypeError, match=r"gravity must be a real number; got the dtype"
    ):
        jax.eval_shape(lambda key: CartPole(gravity=key), jax.random.key(0))
