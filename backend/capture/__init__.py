"""From a file to an `Observation`: decoding, the face, landmarks, masks, a focal guess and a verdict."""
