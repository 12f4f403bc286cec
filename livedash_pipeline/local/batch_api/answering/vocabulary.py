"""The words by which the stand-in recognises language, tone, subject and escalation, in five languages; data only.

Add phrases here, lower case, with or without accents (both sides are compared without them). A phrase matches as whole words,
with a `*` at its end also what goes on after it. Rules about what a match means are in `answers.py`.
"""

LANGUAGES = {"en": "English", "nl": "Dutch", "de": "German", "fr": "French", "tr": "Turkish"}

CATEGORIES = {
    "SCHEDULE_HOURS": "schedule and hours",
    "LEAVE_VACATION": "leave and vacation",
    "SICK_LEAVE_RECOVERY": "sick leave and recovery",
    "SALARY_COMPENSATION": "salary and compensation",
    "CONTRACT_HOURS": "contract and hours",
    "ONBOARDING": "onboarding",
    "OFFBOARDING": "offboarding",
    "WORKWEAR_STAFF_PASS": "workwear and staff pass",
    "TEAM_CONTACTS": "team and contacts",
    "PERSONAL_QUESTIONS": "personal data",
    "ACCESS_LOGIN": "access and login",
    "SOCIAL_QUESTIONS": "social matters",
    "UNRECOGNIZED_OTHER": "something else",
}

STOP_WORDS = {
    "en": """the a an and or but is are was were am be been i my me you your we our it this that
        these of to in on at for with from what when where how who which why can could do does
        did have has had will would should not please there if about""",
    "nl": """de het een en of maar is zijn was waren ben ik mijn me je jij jouw u uw we wij ons onze
        dit dat deze van naar in op aan voor met uit wat wanneer waar hoe wie welke waarom kan
        kunnen doe doet heb heeft hebben wil zou moet niet graag er als over mij nog ook geen
        wordt worden deze bij""",
    "de": """der die das ein eine einen einem einer und oder aber ist sind war waren bin ich mein
        meine meinen meinem mich mir du sie ihr wir uns unser es dies diese von zu zum zur im
        in am auf an für mit aus was wann wo wie wer welche warum kann können habe hat haben
        will würde soll nicht bitte wenn über noch auch kein keine wird werden bei""",
    "fr": """le la les un une des et ou mais est sont était suis je mon ma mes me moi vous votre vos
        nous notre il elle ce cette ces de du à au aux en dans sur pour avec quoi quand où
        comment qui quel quelle quels pourquoi puis peux peut pouvez ai as a avez avons ont
        veux voudrais ne pas si que qu est-ce j l d c n s y""",
    "tr": """ve veya ama bir bu şu o ben benim bana beni sen siz sizin biz bizim için ile mi mı mu
        mü ne nerede nasıl kim hangi neden niçin kaç var yok değil lütfen olarak gibi daha çok
        de da ki şey olan oldu olacak alabilir istiyorum merhaba zaman acaba nereden nereye""",
}

# Letters that only one of these languages has.
LETTERS = {"de": "äß", "fr": "èêàùœ", "tr": "ığşİ"}

POSITIVE = {
    "en": """great perfect happy glad excellent wonderful awesome helpful love amazing super
        fantastic pleased nice|many thanks""",
    "nl": """geweldig perfect blij top fijn prima super fantastisch behulpzaam leuk mooi heerlijk
        |hartelijk dank|zo goed|fijne bot""",
    "de": """toll perfekt super freue froh wunderbar prima großartig hilfreich klasse ausgezeichnet zufrieden
        |vielen dank|so nett|toller|tolle|tolles""",
    "fr": """super parfait génial heureux heureuse excellent formidable ravi ravie utile content contente
        |merci beaucoup|si aimable|si aimables|trop bien""",
    "tr": """harika mükemmel süper mutlu* sevindim güzel memnun* muhteşem yardımcı|çok
        teşekkür*|yardımcısınız|çok yardımcı""",
}

NEGATIVE = {
    "en": """angry bad terrible annoy* frustrat* unacceptable disappoint* wrong problem* worst upset
        ridiculous never unfair useless unhappy complain* awful
        |not working|fed up|not help|waiting for weeks""",
    "nl": """boos slecht* teleur* vervelend* onacceptabel* belachelijk irritant* fout probleem
        problemen ontevreden waardeloos oneerlijk nooit gefrustreerd klacht*
        |werkt niet|zat|niets aan|wacht al weken""",
    "de": """wütend verärgert schlecht* enttäusch* inakzeptabel unverschämt falsch* problem*
        unzufrieden frustrier* nie ärgerlich* unfair nutzlos nutzlose* beschwer* lächerlich satt
        |funktioniert nicht|hilft mir überhaupt nicht|hilft mir nicht|warte seit wochen""",
    "fr": """fâché fâchée colère mauvais* déçu déçue inacceptable ridicule problème* erreur mécontent*
        frustr* jamais injuste nul énervé énervée inutile scandaleux plain* pénible
        |marche pas|fonctionne pas|assez de|m'aide pas""",
    "tr": """kızgın* kötü* berbat* sorun* yanlış sinir* memnuniyetsiz* rezalet adaletsiz asla saçma
        şikayet* bıktım
        |hayal kırıklığı*|çalışmıyor|kabul edilemez|can sıkıcı|işime yaramadı|haftalardır bekliyorum
        |boş bir cevap""",
}

ESCALATION = """supervisor|a manager|the manager|my manager's manager|speak to a human|talk to a human
    |speak to a real person|escalat*|formal complaint|complain*|leidinggevende spreken
    |manager spreken|een manager|een mens spreken|echte medewerker|klacht*
    |vorgesetzten sprechen|mit einem menschen|mit einem vorgesetzten|einen vorgesetzten
    |mit der leitung|beschwer*|un responsable|un superieur|un humain|la direction
    |reclamation*|porter plainte|yetkili*|yoneticiyle|mudurle|mudurunuzle|sikayet*"""

HUMAN_RESOURCES = """hr|human resources|personnel department|personeelszaken|p&o|hrm|personalabteilung
    |personalwesen|ressources humaines|rh|drh|insan kaynaklari*"""

SUBJECTS: dict[str, dict[str, str]] = {
    "SCHEDULE_HOURS": {
        "en": """schedul*|shift*|roster*|rota|timetable*|overtime|working hours|work hours|opening hours
            |start time|hours this week|hours next week|what time do i|planned in""",
        "nl": """rooster*|werktijd*|dienst|diensten|ingeroosterd|inroosteren|overwerk*|overuren
            |begintijd*|hoe laat|werkuren|ingepland*|inplannen""",
        "de": """dienstplan*|arbeitszeit*|schicht*|überstunde*|einsatzplan*|arbeitsbeginn|dienst|dienste
            |fange ich an|eingeteilt|schichtplan*""",
        "fr": """planning*|horaire*|heures de travail|emploi du temps|roulement*|heures supplémentaires
            |à quelle heure|mon service|échanger mon|inscrit deux fois""",
        "tr": "vardiya*|mesai*|çalışma saat*|iş saat*|çalışma program*|nöbet*|saat kaçta|çalışma plan*",
    },
    "LEAVE_VACATION": {
        "en": """vacation*|holiday*|annual leave|day off|days off|time off|leave request*|leave balance
            |leave days|parental leave|pto|week off|special leave|leave""",
        "nl": "vakantie*|verlof*|vrije dag*|vrij nemen|dag vrij|dagen vrij|snipperdag*|week vrij|vrij krijgen",
        "de": """urlaub*|resturlaub*|freie tage|freien tag*|freier tag|elternzeit|freinehmen
            |sonderurlaub*|eine woche frei""",
        "fr": """congé|congés|vacances|rtt|jours de repos|jour de repos|jours de congé*|jour de congé*
            |congé spécial|une semaine libre""",
        "tr": "izin|izn*|izin*|yıllık iz*|tatil*|izinli",
    },
    "SICK_LEAVE_RECOVERY": {
        "en": """sick*|ill|illness*|fever|flu|doctor*|recover*|injur*|hospital*|medical certificate*
            |sick leave|feel better|call in sick""",
        "nl": """ziek*|griep|koorts|herstel*|beter gemeld|beter melden|beterschap|bedrijfsarts*|huisarts*
            |blessure*|weer beter|ziek melden""",
        "de": """krank*|fieber|grippe|arzt*|attest*|genes*|genesung|reha|verletz*|krankschreibung*
            |au-bescheinigung*|wieder gesund""",
        "fr": """malad*|fièvre|grippe|médecin*|arrêt maladie|congé maladie|arrêt de travail|rétabli*
            |blessé*|guéri*|vais mieux|suis malade""",
        "tr": "hasta*|rapor*|doktor*|grip|ateşim*|iyileş*|hastane*|hastalık izn*|sağlık rapor*|kendimi iyi",
    },
    "SALARY_COMPENSATION": {
        "en": """salar*|wage*|pay|payslip*|paid|payment*|paycheck*|payroll*|bonus*|compensation
            |overtime pay|pay rise|raise|allowance*|travel costs""",
        "nl": """salaris*|loon*|uitbetal*|betaald*|betaling*|toeslag*|vakantiegeld*|loonstrook*|bonus*
            |dertiende maand|reiskosten*|vergoeding*""",
        "de": """gehalt*|lohn*|bezahl*|abrechnung*|gehaltsabrechnung*|zulage*|bonus*|prämie*|verdien*
            |entgelt*|auszahl*|fahrtkosten*|fahrgeld""",
        "fr": """salaire*|paie|paye|payé|payée|fiche de paie|bulletin de salaire|prime|primes
            |rémunération*|versement*|indemnité*|frais de transport""",
        "tr": "maaş*|ücret*|bordro*|prim|primi*|ödeme*|ikramiye*|zam|yol para*|yol ücret*",
    },
    "CONTRACT_HOURS": {
        "en": """contract*|hours per week|part-time|part time|full-time|full time|fixed-term|permanent
            |contract hours|probation*""",
        "nl": """contract*|arbeidsovereenkomst*|vast contract|parttime|fulltime|contracturen
            |uren per week|proeftijd*|vaste uren""",
        "de": """vertrag*|arbeitsvertrag*|befrist*|unbefrist*|teilzeit*|vollzeit*|probezeit*|stundenzahl*
            |wochenstunden""",
        "fr": "contrat*|cdi|cdd|temps partiel|temps plein|période d'essai|avenant*|heures par semaine",
        "tr": "sözleşme*|yarı zamanlı|tam zamanlı|deneme süre*|kontrat*|haftalık saat*",
    },
    "ONBOARDING": {
        "en": """onboarding|first day|first week|new here|i am new|i'm new|just started|new employee*
            |orientation|induction|starting next|start next|before i start|before i can start
            |new colleagues|training for new""",
        "nl": """inwerk*|eerste werkdag|eerste dag|nieuwe medewerker*|nieuw hier|net begonnen|onboarding
            |introductie*|voordat ik kan beginnen|voordat ik begin|nieuwe collega*""",
        "de": """einarbeit*|erster tag|ersten tag|erster arbeitstag|ersten arbeitstag|neu hier
            |neuer mitarbeiter|onboarding|bevor ich anfange*|neue kollegen|neue mitarbeiter""",
        "fr": """premier jour|première semaine|intégration|nouvel employé|nouvelle employée|nouveau ici
            |onboarding|livret d'accueil|avant mon arrivée|pour les nouveaux|avant de commencer""",
        "tr": """ilk gün*|ilk iş gün*|işe başla*|oryantasyon*|yeni başla*|yeni çalışan*|yeni eleman*
            |onboarding|başlamadan önce|yeni gelen*""",
    },
    "OFFBOARDING": {
        "en": """resign*|notice period|hand in my notice|quit|quitting|last day|last working day
            |offboarding|terminat*|leaving the company|leave the company|end my contract
            |when i leave|i leave""",
        "nl": """ontslag*|opzeg*|laatste werkdag|laatste dag|uit dienst|uitdienst*|opzegtermijn*
            |offboarding|stop ermee|als ik wegga|als ik vertrek""",
        "de": """kündig*|kündigungsfrist*|letzter tag|letzten tag|letzter arbeitstag|letzten arbeitstag
            |austritt*|aufhebungsvertrag*|wenn ich gehe|aufhöre*""",
        "fr": """démission*|préavis|dernier jour|quitter l'entreprise|licenci*|solde de tout compte
            |offboarding|rupture*|quand je pars|mon départ""",
        "tr": """istifa*|işten ayrıl*|işten çık*|ihbar*|son gün*|son iş gün*|ayrılmak|ayrılıyorum
            |kıdem tazminat*|ayrılırsam|ayrıldığım*""",
    },
    "WORKWEAR_STAFF_PASS": {
        "en": """uniform*|workwear|staff pass*|staff card*|badge*|work clothes|safety shoes|work shoes
            |locker*|jacket*|helmet*|access card*|id card*|employee pass*|trousers|work trousers
            |t-shirt*""",
        "nl": """werkkleding|bedrijfskleding|uniform*|personeelspas*|pas|pasje*|toegangspas*|badge*
            |veiligheidsschoen*|werkschoen*|werkbroek*|broek""",
        "de": """arbeitskleidung|dienstkleidung|uniform*|mitarbeiterausweis*|dienstausweis*|ausweis*
            |sicherheitsschuh*|arbeitsschuh*|spind*|arbeitshose*|hose""",
        "fr": """uniforme*|tenue*|tenue de travail|badge*|vêtements de travail|chaussure*|carte d'accès
            |carte du personnel|casier*|pantalon*|pantalon de travail""",
        "tr": """üniforma*|iş kıyafet*|iş elbise*|personel kart*|kimlik kart*|iş ayakkabı*|yaka kart*
            |giriş kart*|pantolon*|güvenlik ayakkabı*""",
    },
    "TEAM_CONTACTS": {
        "en": """team*|contact*|colleague*|phone number*|team leader*|supervisor*|manager*|who is my
            |planner*|how can i reach|who is in charge|reach""",
        "nl": """team*|contact*|collega*|leidinggevende*|teamleider*|telefoonnummer*|planner*|wie is mijn
            |manager*|hoe bereik ik|bereiken|hoe kan ik bereiken|wie vervangt""",
        "de": """team*|kontakt*|kolleg*|ansprechpartner*|teamleit*|vorgesetzt*|telefonnummer*
            |wer ist mein*|erreiche|erreichen|wie erreiche ich|wer leitet|wer vertritt|chef|chefin""",
        "fr": """équipe*|contact*|collègue*|responsable*|chef d'équipe|téléphone*|qui est mon|manager*
            |joindre|comment joindre|qui remplace|qui dirige""",
        "tr": """ekip*|ekib*|takım*|iletişim*|takım lider*|yönetici*|müdür*|telefon numara*|iş arkadaş*
            |ekip lider*|görüşebilirim|kim bakıyor|ulaşabilirim""",
    },
    "PERSONAL_QUESTIONS": {
        "en": """personal data|personal details|personal information|address*|bank account*|iban
            |birthday date|marital status|date of birth|surname|last name|moved house|i moved
            |got married|new bank account""",
        "nl": """persoonsgegevens|persoonlijke gegevens|adres*|verhuis*|verhuizing|rekeningnummer*|iban
            |geboortedatum|getrouwd|achternaam|burgerlijke staat|bankrekening*|nieuwe bankrekening""",
        "de": """persönliche daten|persönlichen daten|adress*|anschrift*|umgezogen|umzug|bankverbindung*
            |kontonummer*|iban|geburtsdatum|nachname*|familienstand|geheiratet|neues konto|bankkonto""",
        "fr": """données personnelles|adresse*|déménag*|compte bancaire|iban|rib|état civil
            |date de naissance|nom de famille|coordonnées|marié*|nouveau compte|nouvelle adresse""",
        "tr": """kişisel bilgi*|kişisel veri*|adres*|taşındım|taşın*|banka hesa*|iban*|doğum tarih*
            |soyad*|medeni hal*|evlendim|yeni banka hesa*""",
    },
    "ACCESS_LOGIN": {
        "en": """login*|log in|logging in|log-in|password*|access|account*|locked|sign in|username*|app
            |portal*|reset*""",
        "nl": """inlog*|log in|wachtwoord*|toegang|account*|app|gebruikersnaam*|aanmeld*|vergrendeld
            |portaal*|wachtwoord vergeten""",
        "de": """anmeld*|login*|passwort*|kennwort*|zugang*|zugriff*|einlog*|einzuloggen|konto|gesperrt
            |benutzername*|portal*|passwort vergessen""",
        "fr": """connexion*|connect*|mot de passe|accès|identifiant*|compte|bloqué*|portail*|application*
            |mot de passe oublié|installer l'application""",
        "tr": """giriş*|şifre*|parola*|hesab*|hesap*|erişim*|kullanıcı ad*|oturum aç*|uygulama*
            |kilitlendi*|şifremi unuttum""",
    },
    "SOCIAL_QUESTIONS": {
        "en": """party|parties|event*|outing*|drinks|barbecue*|bbq|christmas*|celebrat*|social|birthday*
            |get-together*|how are you|a joke|good joke|are you a real person|are you a robot""",
        "nl": """feest*|borrel*|uitje*|personeelsfeest*|kerst*|evenement*|bedrijfsuitje*|barbecue*
            |verjaardag*|hoe gaat het met je|een mop|goede mop|grap|ben je een echt mens|zomerfeest*""",
        "de": """feier*|weihnachtsfeier*|betriebsfest*|betriebsausflug*|sommerfest*|veranstaltung*
            |ausflug*|party*|grillen|geburtstag*|wie geht es dir|witz*|bist du ein mensch
            |bist du ein echter mensch""",
        "fr": """fête*|soirée*|événement*|noël|sortie d'équipe|team building|barbecue*|anniversaire*
            |pot de départ|comment vas-tu|comment allez-vous|blague*|vraie personne""",
        "tr": """parti*|etkinlik*|kutlama*|piknik*|şirket yemeğ*|yılbaşı*|eğlence*|sosyal*|doğum gün*
            |nasılsın*|fıkra*|şaka*|gerçek bir insan mısın|şenli*""",
    },
}
