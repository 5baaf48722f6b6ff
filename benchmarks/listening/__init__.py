"""Listening to a stream: scenes of background noise with keywords, detections in them, and what they cost a core."""
