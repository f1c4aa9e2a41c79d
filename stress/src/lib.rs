//! Stress programs.
