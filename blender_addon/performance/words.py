"""Every text of performances that a person reads, as in `strings`."""

from __future__ import annotations

from ..strings import Words

OPERATOR = {
    "import_performance": Words("Import Performance", "Let the avatar play a recording: an animation.npz of a tracked "
                                "video, or a CSV of Live Link Face. It becomes an Action on shape keys and bones"),
    "track_video": Words("Track Video", "Read a performance from a video of a face, and let the avatar play it. "
                         "Everything runs on this computer"),
    "new_performance": Words("New Performance", "A take without a recording, for presets, visemes and head poses"),
    "reenact": Words("Reenact", "Let this avatar play a take of another avatar in this file"),
    "use_performance": Words("Play", "Let the avatar play this take"),
    "rest_performance": Words("Stop Playing", "Let the avatar play none: the face is neutral, the bones rest. The "
                              "takes stay"),
    "remove_performance": Words("Remove Take", "Delete the take and its sound strip from this file; the recording's "
                                "own file stays"),
    "bake_performance": Words("Bake to Keys", "Make the take a plain Action for editing by hand. Its settings are "
                              "fixed then; the recording that it carried goes"),
    "export_performance": Words("Export Performance", "Write what the avatar does in this scene as Live Link Face CSV "
                                "or animation.npz"),
    "add_mix": Words("Add Preset", "Lay a preset expression or a viseme over the take"),
    "remove_mix": Words("Remove Preset", "Take this preset off the take"),
}

PROPERTY = {
    "recording": Words("Recording", "An animation.npz, or a CSV of Live Link Face"),
    "video": Words("Video", "A video of one face"),
    "sound": Words("Sound", "A sound or video file whose sound is put into the sequencer beside the take. Empty: none"),
    "with_sound": Words("With Sound", "Put the video's sound into the sequencer beside the take"),
    "take_name": Words("Name", "What the take is called. Empty: as the file is"),
    "start": Words("Start", "The scene's frame at which the take begins"),
    "timing": Words("Keys", "Where the keys lie"),
    "by": Words("Face", "Which shapes play the recording"),
    "timecode_rate": Words("Timecode Rate", "How many frames a second the CSV's timecodes count. 0: found out"),
    "fit_range": Words("Extend the Scene", "Let the scene end no earlier than the take"),
    "retarget": Words("Retarget", "Take the actor's own neutral and range out: rest is rest, a blink closes the eye, "
                      "the head's usual place is straight ahead"),
    "brows": Words("Brows", "How strongly the brows play"),
    "eyes": Words("Eyes", "How strongly lids, gaze and the cheeks below the eyes play"),
    "mouth": Words("Mouth", "How strongly jaw, mouth, cheeks and nose play"),
    "head": Words("Head", "How far the head turns, of what was recorded"),
    "neck": Words("Neck's Share", "Which part of the turn the neck takes; where the head looks stays the same"),
    "place": Words("Place", "How much of the recorded head's place the avatar follows. 1: exactly there. CSV files do "
                   "not tell it"),
    "head_pose": Words("Head Pose", "Added to the whole take: nod (down), turn (to the person's left), tilt"),
    "neck_pose": Words("Neck Pose", "Added to the neck for the whole take: nod, turn, tilt"),
    "gaze": Words("Gaze", "What turns the eyes"),
    "preset": Words("Preset", "An expression, or a viseme"),
    "amount": Words("Amount", "How much of it"),
    "mix_start": Words("From", "The frame at which the preset begins to come"),
    "mix_end": Words("To", "The frame at which it has gone. Not after From: it is there throughout"),
    "take": Words("Take", "Which take; empty: the one that the avatar plays"),
    "other_take": Words("Take", "A take of this file"),
    "index": Words("Index", "Which preset, counted from zero"),
    "seconds": Words("Seconds", "How long the take is"),
    "tolerance": Words("Thin Out", "Keys that the curve does not need within this much go; 0 keeps all"),
}

TIMING = {
    "CLIP": Words("As Recorded", "Every recorded frame keeps its key, at its time: between frames where the rates "
                  "differ"),
    "SCENE": Words("Scene's Frame Rate", "One key for every frame of the scene; blinks keep their depth"),
}

BY = {
    "ARKIT": Words("ARKit Shapes", "Apple's 52, by the strength of each part of the face; retargeted where that is on"),
    "MODEL": Words("Model Expressions", "The head model's own expressions with jaw and eyes, exactly as they were "
                   "tracked; for recordings of the same head model"),
}

GAZE = {
    "SHAPES": Words("As Recorded", "The eyeLook shapes turn the eyes, straight from the recording"),
    "BONES": Words("Eye Bones", "The eye bones turn as the recorded eyes did, where it tells that; lids follow"),
    "TARGET": Words("Target", "The eyes look at their target while the face plays"),
}

PANEL = {
    "performance": "Performance",
    "play": "How It Plays",
    "head": "Head and Eyes",
    "mix": "Presets over It",
}

HINT = {
    "none": "No take yet",
    "of_bundle": "Play the Video's Performance",
    "about": "{frames} frames, {seconds:.1f} s",
    "lost": "{count} frames bridged: see the markers",
    "baked": "Baked: edit its keys by hand",
}

REPORT = {
    "imported": "{name}: {frames} frames, {seconds:.1f} s at {rate:.4g} a second. {notes}",
    "lost": "{count} frames without a face are bridged; markers in the Action show where",
    "rates": "The scene has {fps:.4g} frames a second: with Keys at Scene's Frame Rate no blink falls between them",
    "no_recording": "{file} is no performance.",
    "kinds": "Performances are .npz files of a tracked video, or .csv files of Live Link Face.",
    "baked": "The take {name} was baked: it holds no recording any more.",
    "import_again": "Import its file again.",
    "no_take": "There is no take {name}.",
    "choose_take": "Import a performance, or choose another take.",
    "removed": "{name} removed",
    "bake": "{name}: {keys} keys to edit by hand",
    "no_sound": "The sound of {file} cannot be read.",
    "exported": "{file}: {frames} frames",
    "no_motion": "Nothing animates the avatar {name}.",
    "play_first": "Import a performance or animate the face, then export.",
    "no_video": "There is no video {file} there.",
    "choose_video": "Choose another file.",
    "no_bundle": "The bundle of {name} is not where it was.",
    "assemble_again": "Assemble it again, then track the video.",
    "suffix": "{file} ends in neither .npz nor .csv.",
    "say_suffix": "Say which kind of file it is to be.",
    "no_result": "The tracking ended without a performance.",
    "track_again": "Track the video again.",
}

POLL = {"no_take": "Import a performance first"}
MARKER = {"lost": "Face lost", "seen": "Face seen"}
BONES = "Bones"
VISEME = "Viseme {name}"
