//! What to do: three-way merge, plan, guards, brake, reasons. Pure.
