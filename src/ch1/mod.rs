//! EDGE: the CH-1 reference point over gRPC.
