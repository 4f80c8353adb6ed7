export default {
    "list": "ملفات للإرسال",
    "remove": "إزالة {name}",
    "retry": "إعادة رفع {name}",
    "going": "جارٍ رفع {name}",
    "done": "أُرفق {name}",
    "gone": "أُزيل {name}",
    "many": "عدد الملفات في الرسالة لا يزيد على {count}.",
    "too_large": "{name} كبير جدًا: الحد {size}.",
    "media_type": "{name}: لا يمكن إرسال هذا النوع من الملفات.",
    "quota": "{name}: بلغ حجم ملفات اليوم الحد الأقصى.",
    "other": "تعذّر رفع {name}."
};
