"""What the host adds where a tracker lacks it: each layer is a tracker around a tracker."""
