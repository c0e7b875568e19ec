"""cockpit: the window, the instruments and the controls; imported where a window is opened."""
