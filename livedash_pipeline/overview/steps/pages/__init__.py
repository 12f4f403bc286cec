"""What pages and pictures show beyond the reports that all shells share."""
