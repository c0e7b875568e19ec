"""report: the page that an evaluation is shown on."""
