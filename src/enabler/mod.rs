//! EDGE: the reference Charging Enabler.
