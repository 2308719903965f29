"""Tests of uwoffload.config."""
