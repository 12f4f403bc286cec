"""Texts of many kinds by which counts of tokens are compared: languages as employees and visitors write them, and worse ones.

Add a kind that some vocabulary may count badly.
"""

from __future__ import annotations

import base64
import hashlib

LANGUAGES = {
    "English": "Hello, how many days of holiday do I have left this year, and may I take them in August together with a "
    "colleague from the warehouse? My payslip for September has not arrived either.",
    "German": "Guten Tag, wie viele Urlaubstage stehen mir dieses Jahr noch zu, und darf ich sie im August gemeinsam mit einer "
    "Kollegin aus dem Lager nehmen? Außerdem fehlt mir noch die Lohnabrechnung für September. Vielen Dank!",
    "Turkish": "Merhaba, bu yıl kaç gün yıllık iznim kaldı ve ağustos ayında depodaki iş arkadaşımla birlikte kullanabilir "
    "miyim? Eylül ayı maaş bordrom da henüz gelmedi.",
    "Arabic": "مرحبا، كم يوما من الإجازة بقي لي هذا العام، وهل يمكنني أخذها في أغسطس مع زميلتي من المستودع؟ كما أن قسيمة "
    "راتبي لشهر سبتمبر لم تصل بعد.",
    "Japanese": "こんにちは。今年の有給休暇はあと何日残っていますか。八月に倉庫の同僚と一緒に取ることはできますか。"
    "九月の給与明細もまだ届いていません。",
    "Chinese": "您好，我今年还剩多少天年假？八月份可以和仓库的同事一起休吗？另外，我还没有收到九月份的工资单。",
    "Korean": "안녕하세요. 올해 남은 휴가가 며칠인가요? 8월에 창고 동료와 함께 쓸 수 있을까요? "
    "9월 급여 명세서도 아직 받지 못했습니다.",
    "Russian": "Здравствуйте, сколько дней отпуска у меня осталось в этом году и могу ли я взять их в августе вместе с коллегой "
    "со склада? И расчётный листок за сентябрь ещё не пришёл.",
    "Polish": "Dzień dobry, ile dni urlopu zostało mi w tym roku i czy mogę je wykorzystać w sierpniu razem z koleżanką z "
    "magazynu? Nie dostałem też jeszcze paska wypłaty za wrzesień.",
    "Greek": "Καλημέρα, πόσες ημέρες άδειας μου απομένουν φέτος και μπορώ να τις πάρω τον Αύγουστο μαζί με μια συνάδελφο;",
    "Hindi": "नमस्ते, इस साल मेरी कितने दिन की छुट्टी बची है और क्या मैं उसे अगस्त में गोदाम के साथी के साथ ले सकता हूँ?",
    "Thai": "สวัสดีครับ ปีนี้ผมเหลือวันลากี่วัน และขอลาในเดือนสิงหาคมพร้อมเพื่อนร่วมงานจากคลังสินค้าได้ไหมครับ",
    "Georgian": "გამარჯობა, რამდენი დღე შვებულება დამრჩა წელს და შემიძლია აგვისტოში ავიღო კოლეგასთან ერთად?",
    "Amharic": "ሰላም፣ በዚህ ዓመት ስንት ቀን ፈቃድ ቀርቶኛል? በነሐሴ ከባልደረባዬ ጋር መውሰድ እችላለሁ?",
}
"""The same question in many languages."""

KINDS = {
    "emoji": "😀🎉👍🏽👨‍👩‍👧‍👦🇩🇪❤️🔥🙏😂🤷‍♀️🏳️‍🌈✈️☀️" * 3,
    "digits": "4915112345678 DE89370400440532013000 2026-11-30T16:57:59Z 1234567890 0000000000 3,14159",
    "base64": base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(8))).decode(),
    "hexadecimal": "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(4)),
    "code": "def f(x):\n    return {k: v for k, v in x.items() if v is not None}\n\n"
    "for (int i = 0; i < n; ++i) { a[i] += b[i]; }\n",
    "markup": '<div class="a"><p style="margin:0">x</p></div><!-- --><br/>' * 4,
    "spaces": " " * 300 + "\n" * 60 + "\t" * 60 + " \n" * 40 + "\u3000" * 40,
    "rules": "=" * 300 + "-" * 300 + "." * 300 + "_" * 80 + "~" * 80 + "*" * 80,
    "rare scripts": "ꦲꦏ꧀ꦱꦫꦗꦮ ᠮᠣᠩᠭᠣᠯ ᏣᎳᎩ 𐌰𐌽𐍃 𒀀𒀁 ជំរាបសួរ မင်္ဂလာပါ ꯃꯩꯇꯩ ߒߞߏ ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "capitals": "WO IST MEINE ABRECHNUNG??? BITTE SOFORT ANTWORTEN!!! WARUM ANTWORTET NIEMAND",
    "mixed case": "aBcDeFgHiJkLmNoPqRsTuVwXyZ" * 6,
    "accents": "Z̸̢̛a̷l̶g̵o̴ ñ é e\u0301 ö o\u0308 " * 6,
    "compatibility": "ﷺ ﷻ ﬁ ㌀ ㍿ ½ ① ™ " * 6,
    "quotes": 'He said "yes", \\"no\\" and \\n; ' * 8,
}
"""Texts that are no language."""

WORST = {
    "one token of o200k": "□" * 64,
    "long word": " მნიშვნელოვან" * 8,
    "long ideographs": "给主人留下些什么吧" * 8,
    "Arabic ligature": "\ufdfa" * 40,
    "split letter": "\u0a5e" * 40,
    "notes": "\U0001d160" * 40,
    "Tibetan vowel": "\u0fb9" * 40,
    "tabs and capitals": "\tQ" * 40,
    "changing case": "Ab.A" * 25,
    "ideographic spaces": "\u3000" * 256,
    "control characters": "\x01\x02\x1f\x7f" * 20,
    "private use": "\ue000\uf8ff\U000f0000" * 20,
    "Malayalam place": " തിരുവനന്തപുരം" * 8,
    "special tokens": "<|endoftext|><|im_start|><|eot_id|>[INST]</s><start_of_turn>" * 8,
}
"""Texts that cost one vocabulary or another the most, as far as a search found them."""

TEXTS = LANGUAGES | KINDS | WORST
