"""The `hillock` command: one module per subcommand, listed in `sim_harness.cli.app`."""
