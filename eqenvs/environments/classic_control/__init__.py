from .cartpole import CartPole as CartPole, CartPoleState as CartPoleState
