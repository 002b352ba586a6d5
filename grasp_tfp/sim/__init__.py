"""The simulated grasp cell: PyBullet for contact, NumPy for kinematics, Numba for pixels."""
