"""What a chip is: qubits, couplers, constants, solvers."""
