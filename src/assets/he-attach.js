export default {
    "list": "קבצים לשליחה",
    "remove": "הסרת {name}",
    "retry": "העלאת {name} שוב",
    "going": "{name} בהעלאה",
    "done": "{name} צורף",
    "gone": "{name} הוסר",
    "many": "עד {count} קבצים בהודעה.",
    "too_large": "{name} גדול מדי: עד {size}.",
    "media_type": "{name}: אי אפשר לשלוח קבצים מסוג זה.",
    "quota": "{name}: נשלחו היום יותר מדי קבצים.",
    "other": "העלאת {name} נכשלה."
};
