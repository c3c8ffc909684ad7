"""The commands of features. `signalbox.cli` finds them in the list of features and hands the configuration in."""
