export default {
    "list": "Files",
    "remove": "Remove {name}",
    "retry": "Upload {name} again",
    "going": "Uploading {name}",
    "done": "{name} is attached",
    "gone": "{name} is removed",
    "many": "A message takes {count} files.",
    "too_large": "{name} is too large: {size} at most.",
    "media_type": "{name}: files of this kind cannot be sent.",
    "quota": "{name}: too much for today.",
    "other": "{name} could not be uploaded."
};
