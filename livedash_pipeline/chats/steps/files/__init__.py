"""Files of questions on their way to a batch: kept between preview and batch, and a template to begin with."""
