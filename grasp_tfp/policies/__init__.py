"""Ways to choose a grasp from what the camera sees."""
