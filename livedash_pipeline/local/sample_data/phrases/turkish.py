"""Turkish phrases: topics by category, then what fits into any chat.

Add exchanges to a topic as (employee, chatbot); keep slots free of case endings, because those would have to follow
the vowels of the word. Nothing but text here; the meaning of each field is in `model`.
"""

from livedash_pipeline.local.sample_data.phrases.model import Exchange, Phrases

_WORK: dict[str, tuple[Exchange, ...]] = {
    "SCHEDULE_HOURS": (
        (
            "{weekday} günü vardiyam saat kaçta başlıyor?",
            "{weekday} günkü vardiyan saat {time} itibarıyla başlıyor. Tüm vardiyalar uygulamada Planım bölümünde.",
        ),
        (
            "{weekday} günkü vardiyamı {name} ile değiştirebilir miyim?",
            "Evet, {name} kabul ederse olur. Vardiyada Değiştir seçeneğine bas, planlama onaylasın.",
        ),
        (
            "{month} ayının çalışma planı ne zaman yayınlanacak?",
            "Plan her zaman {number} hafta önceden, perşembe günü yayınlanır.",
        ),
        (
            "{weekday} günü aynı saatte iki vardiya görünüyor, yanlışlık mı var?",
            "Öyle görünüyor. Vardiya yanlış düğmesiyle bildir, planlama düzeltsin.",
        ),
    ),
    "LEAVE_VACATION": (
        (
            "Bu yıl kaç gün iznim kaldı?",
            "{number} gün iznin kaldı. Geçen yılın günleri {month} ayının sonunda yanar.",
        ),
        (
            "{month} ayında bir hafta izin nasıl isteyebilirim?",
            "Üç adımda.\n1. Portalda İzin bölümünü aç.\n2. Tarihleri seç.\n3. Talebi yöneticine gönder.",
        ),
        (
            "Kız kardeşimin düğünü için mazeret izni alabilir miyim?",
            "Evet, kardeş düğünü için bir gün ücretli izin var.",
        ),
        (
            "{weekday} günü için izin talebim hâlâ bekliyor, kim onaylıyor?",
            "Onay {name} tarafından verilir. Talepler {number} iş günü içinde yanıtlanır.",
        ),
    ),
    "SICK_LEAVE_RECOVERY": (
        (
            "Bu sabah hasta uyandım. Hastalığımı nasıl bildiririm?",
            "Geçmiş olsun! Saat {time} olmadan yöneticini ara ve uygulamada Devamsızlık bölümüne yaz.",
        ),
        (
            "Raporluyken maaşım tam ödeniyor mu?",
            "İlk iki günü işveren öder, sonrası için sosyal güvenlik ödeneği geçerlidir.",
        ),
        (
            "İyileştim, {weekday} günü başlamak istiyorum, ne yapmalıyım?",
            "Çok sevindim! Gelmeden önce uygulamada iyileştiğini bildir, plana yeniden ekleyelim.",
        ),
        (
            "{number} gün grip için doktor raporu gerekiyor mu?",
            "Evet, ilk günden itibaren rapor gerekiyor; uygulamadan yükleyebilirsin.",
        ),
    ),
    "SALARY_COMPENSATION": (
        (
            "{month} maaşı ne zaman yatacak?",
            "Maaşlar ayın 25. günü yatar. Hafta sonuna gelirse cuma günü ödenir.",
        ),
        (
            "Maaş bordrom geçen aya göre {amount} avro düşük, neden?",
            "Daha az akşam mesaisi yaptın, bu yüzden zam payı düştü. Bordronun ikinci sayfasında yazıyor.",
        ),
        (
            'Bordrodaki "BES kesintisi" ne demek?',
            "Bireysel emeklilik için kesilen tutardır.",
        ),
        (
            "İşe bisikletle gelirsem yol parası alıyor muyum?",
            "Evet, kilometre başına aynı tutar. Mesafeyi portalda Yol bölümüne gir.",
        ),
    ),
    "CONTRACT_HOURS": (
        (
            "Sözleşmemi haftada 45 saatten 30 saate indirebilir miyim?",
            "Saat değişikliği formuyla isteyebilirsin, en az iki ay önceden.",
        ),
        (
            "Belirli süreli sözleşmem ne zaman bitiyor?",
            "Sözleşmen {month} ayının sonuna kadar. Uzatılıp uzatılmayacağını bir ay önce öğrenirsin.",
        ),
        (
            "Kaç sözleşmeden sonra kadroya geçiyorum?",
            "Arka arkaya yapılan sözleşmelerden sonra belirsiz süreli sözleşmeye geçilir.",
        ),
    ),
    "ONBOARDING": (
        (
            "{weekday} günü işe başlıyorum. İlk gün nereye gelmeliyim?",
            "Hoş geldin! Saat {time} gibi danışmaya gel. {name} sana her yeri gösterecek.",
        ),
        (
            "İşe başlamadan önce hangi belgeler gerekiyor?",
            "Üç şey gerekiyor.\n- kimliğinin fotokopisi\n- banka hesap numaran\n- imzalı sözleşme",
        ),
        (
            "Yeni başlayanlar için eğitim var mı?",
            "Evet, uyum eğitimi {number} gün sürüyor ve ücretli.",
        ),
    ),
    "OFFBOARDING": (
        (
            "İstifa etmek istiyorum, ihbar sürem ne kadar?",
            "İhbar süren dört hafta, dilekçeni verdiğin gün başlar.",
        ),
        (
            "İşten ayrılırsam kullanmadığım izinlere ne oluyor?",
            "Son maaşınla birlikte ödenir.",
        ),
        (
            "Son günümde bilgisayarı nereye teslim edeceğim?",
            "Zemin kattaki destek masasına. {name} teslim formunu seninle imzalar.",
        ),
    ),
    "WORKWEAR_STAFF_PASS": (
        (
            "İş pantolonum yırtıldı, yenisini nasıl alırım?",
            "Portalda İş kıyafeti bölümünden iste. Ücretsiz ve {number} gün içinde gelir.",
        ),
        (
            "Personel kartımı kaybettim, ne yapacağım?",
            "Hemen uygulamadan kapat. Ertesi iş günü danışmada yenisi hazır olur.",
        ),
        (
            "Depoda hangi güvenlik ayakkabılarını giyebilirim?",
            "Yalnızca S3 sınıfı. Liste portalda İş kıyafeti bölümünde.",
        ),
    ),
}

_PEOPLE: dict[str, tuple[Exchange, ...]] = {
    "TEAM_CONTACTS": (
        (
            "Gece vardiyasının ekip lideri kim?",
            "Ekip lideri {name}. Telefon numarası uygulamada Ekibim bölümünde.",
        ),
        (
            "Planlamadan {name} ile nasıl görüşebilirim?",
            "Saat 08:00 ile {time} arasında telefonla ya da uygulamadan mesajla.",
        ),
        (
            "Yöneticim {month} ayında yokken yerine kim bakıyor?",
            "O dönene kadar yerine {name} bakıyor.",
        ),
    ),
    "PERSONAL_QUESTIONS": (
        (
            "Taşındım, adresimi nereden değiştiririm?",
            "Portalda Bilgilerim bölümünden. Değişiklik bordro servisine de gider.",
        ),
        (
            "Yeni bir banka hesabım var. Maaşım oraya yatabilir mi?",
            "Ayın 15. gününden önce Bilgilerim bölümüne gir, sonraki ödemede geçerli olur.",
        ),
        (
            "{month} ayında evlendim, bildirmem gerekiyor mu?",
            "Tebrikler! Medeni halini güncelle, vergi için önemli olabilir.",
        ),
    ),
    "ACCESS_LOGIN": (
        (
            "Portal şifremi unuttum ve sıfırlama e-postası gelmiyor.",
            "E-posta özel adresine gider. İstenmeyen klasörüne de bak; {number} saat geçerlidir.",
        ),
        (
            "Uygulama hesabımın kilitli olduğunu söylüyor. Nasıl açarım?",
            "Beş hatalı denemeden sonra yarım saat kilitlenir. Saat {time} gibi yeniden girebilirsin.",
        ),
        (
            "Kod uygulamasını yeni telefona nasıl kurarım?",
            "Bilgisayardan giriş yap, Güvenlik bölümünü aç ve kodu yeni telefonla tara.",
        ),
    ),
    "SOCIAL_QUESTIONS": (
        (
            "Nasılsın? Gerçek bir insan mısın?",
            "İyiyim, teşekkür ederim! Ben dijital bir yardımcıyım, insan değilim.",
        ),
        ("Güzel bir fıkra biliyor musun?", "Çalışma planı neden doktora gitmiş? Çok fazla molası varmış."),
        (
            "Bu yıl personel için yaz şenliği var mı?",
            "Evet, {month} ayında bir cuma günü. Davetiyeleri personel derneği gönderiyor.",
        ),
    ),
    "UNRECOGNIZED_OTHER": (
        ("deneme", "Merhaba! Nasıl yardımcı olabilirim?"),
        (
            "{weekday} günü hava nasıl olacak?",
            "Hava durumuna bakamıyorum. İşinle ilgili sorularda yardımcı olurum.",
        ),
        ("ğğüü 55 ..", "Bunu anlayamadım. Başka türlü söyler misin?"),
    ),
}

TURKISH = Phrases(
    code="tr",
    csv_names=("turkish", "Turkish", "Türkçe", "türkçe"),
    countries=("TR", "TR", "TR", "DE"),
    people=("Elif", "Mert", "Zeynep", "Emre", "Ayşe", "Can"),
    weekdays=("pazartesi", "salı", "çarşamba", "perşembe", "cuma", "cumartesi", "pazar"),
    months=("ocak", "mart", "nisan", "mayıs", "haziran", "ağustos", "ekim", "aralık"),
    greetings=("", "Selam! ", "Merhaba! ", "Günaydın! ", "İyi günler. ", "Kısa bir sorum var. "),
    topics=_WORK | _PEOPLE,
    follow_ups=(
        ("Peki bunu nerede bulabilirim?", "Uygulamada, sol üstteki menüde."),
        ("Yarı zamanlı çalışanlar için de geçerli mi?", "Evet, herkes için aynı."),
        ("Telefondan da yapabilir miyim?", "Evet, uygulama portalın yaptığı her şeyi yapar."),
        ("tamam, ne kadar sürer?", "Genellikle {number} iş gününden fazla sürmez."),
        ("Tam anlamadım, bir daha açıklar mısın?", "Tabii. Uygulamayı aç, adını seç ve ekrandaki adımları izle."),
    ),
    details=(
        "Birkaç ayrıntı\n- yer, kuzey dağıtım merkezi\n- ekip lideri {name}\n- {month} ayından beri",
        "Şimdiye kadar denediklerim\n1. uygulama\n2. internet sitesi\n\nİkisi de olmadı.",
    ),
    positive_notes=("Şimdiden teşekkürler, her zaman çok yardımcısınız!", "Bu arada bu bot harika :)"),
    negative_notes=("Bu gerçekten can sıkıcı.", "Bunu tekrar tekrar sormaktan bıktım!"),
    positive_closings=(
        ("Süper, çok teşekkür ederim!", "Rica ederim! İyi günler."),
        ("Harika, tam da bunu öğrenmek istiyordum 😊", "Yardımcı olabildiğime sevindim!"),
    ),
    negative_closings=(
        ("Bu hiç işime yaramadı.", "Üzgünüm. Görüşünü ileteceğim."),
        ("Ne kadar boş bir cevap, haftalardır bekliyorum!", "Sinir bozucu olduğunu anlıyorum, özür dilerim."),
    ),
    escalations=(
        ("Bir yetkiliyle görüşmek istiyorum.", "Anlıyorum. Yöneticinden bugün seni aramasını rica ediyorum."),
        ("Bu konuyu müdürle konuşabilir miyim?", "Elbette, sorunu nöbetçi müdüre ilettim."),
    ),
    hr_forwards=(
        (
            "İnsan kaynaklarında kime sorabilirim?",
            "İK ekibine ik@personel.example adresinden ya da 4400 dahiliden ulaşabilirsin.",
        ),
        ("Beni insan kaynaklarına bağlar mısın?", "Sorunu İK ekibine ilettim. {number} iş günü içinde yanıt verirler."),
    ),
)
