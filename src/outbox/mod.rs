//! EDGE: keeps each report until the Charging Enabler has acknowledged it.
