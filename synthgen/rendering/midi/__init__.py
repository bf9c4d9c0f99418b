"""Songs: MIDI files played by the instruments of a model."""
