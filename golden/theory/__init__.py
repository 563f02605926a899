"""Theory of the LIF neuron with white noise: rates, intervals, densities, spectra, responses, networks.

    tau dV = (mu - V) dt + sigma sqrt(tau) dW;  a spike at V_th, then V_reset, held for t_ref

``mu`` [V] is the mean input as a potential, ``sigma`` [V] its noise; the free membrane's variance is sigma^2 / 2 = D.
Functions take (neuron, mu, sigma, ...), broadcast, and return float64 or complex128 of the broadcast shape.
"""
