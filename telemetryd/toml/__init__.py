"""Pure readers with bounded cost for manifests, configuration, reviews and stops, and the switch of KUserFeedback."""
