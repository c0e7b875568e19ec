"""Documentation; a package, so that `python -m docs.examples.own_driver` finds this one whatever else is installed."""
